// Reads the 16-bit mono WAV files that Asterisk and baresip write, and finds the tone in them.
const goertzel = (samples, rate, hz) => {
  const k = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let s1 = 0;
  let s2 = 0;
  for (const x of samples) { const s0 = x + k * s1 - s2; s2 = s1; s1 = s0; }
  return Math.max(0, s1 * s1 + s2 * s2 - k * s1 * s2) / (samples.length * samples.length / 4);
};

/** { rate, samples } of a WAV file's bytes; a data chunk that claims too much (a file cut off) is read to the end. */
export function readWav(bytes) {
  const rate = bytes.readUInt32LE(24);
  let at = 12;
  while (at + 8 <= bytes.length && bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
  const samples = [];
  for (let i = at + 8; i + 1 < bytes.length; i += 2) samples.push(bytes.readInt16LE(i) / 32768);
  return { rate, samples };
}

/** The tone in the last second but one: { hz, share, rms }; the search is by 1 Hz between 100 and 3400 Hz. */
export function toneOf({ rate, samples }) {
  const end = Math.max(0, samples.length - Math.round(rate * 0.2));
  const part = samples.slice(Math.max(0, end - rate), end);
  const power = part.reduce((sum, x) => sum + x * x, 0) / (part.length || 1);
  let best = { hz: 0, power: 0 };
  for (let hz = 100; hz <= 3400; hz++) {
    const here = goertzel(part, rate, hz);
    if (here > best.power) best = { hz, power: here };
  }
  return { hz: best.hz, share: power ? best.power / 2 / power : 0, rms: Math.sqrt(power), seconds: samples.length / rate };
}

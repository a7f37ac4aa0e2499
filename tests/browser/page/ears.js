// Runs in every page before anything else: an oscillator as the microphone and a frequency analyser on what arrives.
// It works with any WebRTC code (JsSIP, SIP.js, the product's own page), because it only replaces getUserMedia and
// watches RTCPeerConnection. Options come in `window.earsOptions`: { tone, codecs, microphone, events }; `events` also notes the
// RFC 4733 packets that arrive (the browser's own playing of them loses some, so it cannot be the judge).
(() => {
  const options = { tone: 440, codecs: null, microphone: true, events: false, ...window.earsOptions };
  const Native = window.RTCPeerConnection;
  const connections = [];
  const watched = new WeakSet();
  let context;
  let oscillator;
  let heard; // { analyser, fine, source } of the newest remote track

  const audio = () => (context ??= new AudioContext({ sampleRate: 48000 }));

  if (options.microphone && navigator.mediaDevices) {
    navigator.mediaDevices.getUserMedia = async () => {
      if (!oscillator) {
        oscillator = audio().createOscillator();
        oscillator.frequency.value = options.tone;
        oscillator.start();
      }
      await audio().resume();
      const volume = audio().createGain();
      volume.gain.value = 0.5;
      const microphone = audio().createMediaStreamDestination();
      oscillator.connect(volume).connect(microphone);
      return microphone.stream;
    };
  }

  function listen(stream) {
    // A remote stream that plays in no element reads as silence in WebAudio.
    const element = new Audio();
    element.srcObject = stream;
    element.play().catch(() => {});
    const source = audio().createMediaStreamSource(stream);
    const analyser = audio().createAnalyser();
    analyser.fftSize = 8192;
    analyser.smoothingTimeConstant = 0;
    source.connect(analyser);
    audio().resume();
    heard = { analyser, source, element, spectrum: new Float32Array(analyser.frequencyBinCount), wave: new Float32Array(analyser.fftSize) };
  }

  /** Looks at each packet before the decoder: 4 bytes are an event; packets of one timestamp are one key press. */
  function watchEvents(receiver) {
    if (watched.has(receiver)) return; // a call that is resumed brings its track again
    watched.add(receiver);
    const seen = new Map();
    window.ears.events = seen;
    const look = new TransformStream({
      transform(frame, out) {
        const data = new Uint8Array(frame.data);
        if (data.length === 4) {
          const { rtpTimestamp } = frame.getMetadata();
          const known = seen.get(rtpTimestamp) ?? { packets: 0, duration: 0, end: false };
          seen.set(rtpTimestamp, {
            digit: '0123456789*#ABCD'[data[0]], packets: known.packets + 1,
            duration: Math.max(known.duration, (data[2] << 8) | data[3]), end: known.end || data[1] > 127,
          });
        }
        out.enqueue(frame);
      },
    });
    const { readable, writable } = receiver.createEncodedStreams();
    readable.pipeThrough(look).pipeTo(writable).catch(() => {});
  }

  function prefer(connection) {
    if (!options.codecs) return;
    const all = RTCRtpSender.getCapabilities('audio').codecs;
    const wanted = options.codecs.flatMap((name) => all.filter((codec) => codec.mimeType.toLowerCase() === `audio/${name}`.toLowerCase()));
    const events = all.filter((codec) => codec.mimeType === 'audio/telephone-event');
    for (const transceiver of connection.getTransceivers()) {
      if (transceiver.receiver.track.kind === 'audio') transceiver.setCodecPreferences([...wanted, ...events]);
    }
  }

  window.RTCPeerConnection = class extends Native {
    constructor(configuration, ...rest) {
      super(options.events ? { ...configuration, encodedInsertableStreams: true } : configuration, ...rest);
      connections.push(this);
      this.addEventListener('track', (event) => {
        if (event.track.kind === 'audio' && options.events) watchEvents(event.receiver);
        if (event.track.kind === 'audio') listen(event.streams[0] ?? new MediaStream([event.track]));
      });
    }

    addTrack(...args) {
      const sender = super.addTrack(...args);
      if (options.events) {
        // Once a connection's frames can be looked at, those sent have to be carried across too.
        const { readable, writable } = sender.createEncodedStreams();
        readable.pipeTo(writable).catch(() => {});
      }
      return sender;
    }

    createOffer(...args) { prefer(this); return super.createOffer(...args); }

    setRemoteDescription(description, ...rest) {
      if (!options.codecs || description?.type !== 'offer') return super.setRemoteDescription(description, ...rest);
      return super.setRemoteDescription({ type: 'offer', sdp: withWantedCodecs(description.sdp) }, ...rest);
    }
  };

  /** An offer as a phone with only these codecs would read it (preferences in an answer would bind only one direction). */
  function withWantedCodecs(sdp) {
    const names = [...options.codecs, 'telephone-event'].map((name) => name.toLowerCase());
    const unwanted = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) ([^/]+)/gm)].filter(([, , name]) => !names.includes(name.toLowerCase())).map(([, number]) => number));
    return sdp
      .replace(/^(m=audio \d+ \S+) (.*?)(\r?)$/gm, (_, start, numbers, end) => `${start} ${numbers.split(' ').filter((number) => !unwanted.has(number)).join(' ')}${end}`)
      .replace(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)[^\n]*\n/gm, (line, number) => (unwanted.has(number) ? '' : line));
  }

  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  /** One reading: the strongest frequency (interpolated between bins), its share of the energy, the loudness, levels in dB. */
  function reading(frequencies) {
    heard.analyser.getFloatFrequencyData(heard.spectrum);
    heard.analyser.getFloatTimeDomainData(heard.wave);
    const { spectrum } = heard;
    const step = context.sampleRate / heard.analyser.fftSize;
    const power = Array.from(spectrum, (dB) => 10 ** (dB / 10));
    let peak = 3;
    for (let i = 3; i < power.length; i++) if (power[i] > power[peak]) peak = i;
    const sum = (from, to) => power.slice(Math.max(3, from), to + 1).reduce((a, b) => a + b, 0);
    const [a, b, c] = [spectrum[peak - 1], spectrum[peak], spectrum[peak + 1]];
    const bend = a - 2 * b + c;
    const shift = bend ? (a - c) / (2 * bend) : 0;
    const levels = frequencies.map((hz) => Math.max(...spectrum.slice(Math.round(hz / step) - 2, Math.round(hz / step) + 3)));
    return {
      hz: (peak + shift) * step,
      share: sum(peak - 3, peak + 3) / (sum(3, power.length - 1) || 1),
      rms: Math.sqrt(heard.wave.reduce((total, x) => total + x * x, 0) / heard.wave.length),
      levels,
    };
  }

  window.ears = {
    connections,
    setTone(hz) { options.tone = hz; if (oscillator) oscillator.frequency.value = hz; },
    setCodecs(codecs) { options.codecs = codecs; },
    isListening: () => Boolean(heard),
    forget() { heard = undefined; },

    /** Medians of `count` readings `every` ms apart; `frequencies` asks for the levels at these, in dB. */
    async hear(frequencies = [], count = 5, every = 60) {
      if (!heard) return { hz: 0, share: 0, rms: 0, levels: frequencies.map(() => -Infinity), silent: 'no remote track' };
      const readings = [];
      for (let i = 0; i < count; i++) {
        if (i) await pause(every);
        readings.push(reading(frequencies));
      }
      const of = (pick) => median(readings.map(pick));
      return {
        hz: of((r) => r.hz), share: of((r) => r.share), rms: of((r) => r.rms),
        levels: frequencies.map((_, i) => Math.round(of((r) => r.levels[i]))),
      };
    },

    /** Starts to keep every sample that arrives (mono, 48 kHz), for exact work such as DTMF. */
    async record() {
      const code = 'registerProcessor("keep", class extends AudioWorkletProcessor { process([[x]]) { if (x) this.port.postMessage(x.slice()); return true; } });';
      await audio().audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
      const keep = new AudioWorkletNode(audio(), 'keep', { channelCount: 1, channelCountMode: 'explicit' });
      const blocks = [];
      keep.port.onmessage = (event) => blocks.push(event.data);
      heard.source.connect(keep);
      window.ears.recording = blocks;
    },

    /** The dual tones in what was recorded so far, as digits. */
    digits() {
      const blocks = window.ears.recording;
      const samples = new Float32Array(blocks.reduce((n, b) => n + b.length, 0));
      let at = 0;
      for (const block of blocks) { samples.set(block, at); at += block.length; }
      return window.ears.digitsIn(samples, 48000);
    },

    /** Goertzel filters over 20 ms frames; a digit is the same pair in two frames running. Two frames
     * without it end it; the fading echo of a lost packet (much weaker than the loudest) is not another digit. */
    digitsIn(samples, rate) {
      const rows = [697, 770, 852, 941];
      const columns = [1209, 1336, 1477, 1633];
      const keys = ['123A', '456B', '789C', '*0#D'];
      const size = rate / 50;
      const power = (start, hz) => {
        const k = 2 * Math.cos((2 * Math.PI * hz) / rate);
        let s1 = 0;
        let s2 = 0;
        for (let i = start; i < start + size; i++) { const s0 = samples[i] + k * s1 - s2; s2 = s1; s1 = s0; }
        return (s1 * s1 + s2 * s2 - k * s1 * s2) / ((size * size) / 4);
      };
      let found = '';
      let held = ''; // the key that is down
      let before = ''; // the key of the frame before
      let gap = 0;
      let loudest = 0;
      for (let start = 0; start + size <= samples.length; start += size) {
        let total = 0;
        for (let i = start; i < start + size; i++) total += samples[i] * samples[i];
        const energy = (2 * total) / size;
        loudest = Math.max(loudest, energy);
        const r = rows.map((hz) => power(start, hz));
        const c = columns.map((hz) => power(start, hz));
        const [row, column] = [r.indexOf(Math.max(...r)), c.indexOf(Math.max(...c))];
        const clear = energy > 1e-4 && energy > 0.2 * loudest && (r[row] + c[column]) / energy > 0.6
          && Math.min(r[row], c[column]) / Math.max(r[row], c[column]) > 0.1;
        const key = clear ? keys[row][column] : '';
        gap = key === held ? 0 : gap + 1;
        if (gap >= 2) held = '';
        if (key && key === before && key !== held) {
          found += key;
          held = key;
        }
        before = key;
      }
      return found;
    },

    /** The RFC 4733 digits that arrived and ended, with the longest duration of each in timestamp units. */
    eventDigits: () => [...(window.ears.events ?? new Map()).values()].filter(({ end }) => end),

    /** What getStats says of the newest connection: codec, DTLS, packets, loss. */
    async stats() {
      const connection = connections.at(-1);
      if (!connection) return null;
      const report = await connection.getStats();
      const all = [...report.values()];
      const inbound = all.find((s) => s.type === 'inbound-rtp') ?? {};
      const outbound = all.find((s) => s.type === 'outbound-rtp') ?? {};
      const transport = all.find((s) => s.type === 'transport') ?? {};
      const codec = (s) => report.get(s.codecId)?.mimeType;
      return {
        state: connection.connectionState, receives: codec(inbound), sends: codec(outbound),
        received: inbound.packetsReceived ?? 0, lost: inbound.packetsLost ?? 0, sent: outbound.packetsSent ?? 0,
        dtls: transport.tlsVersion, srtp: transport.srtpCipher, dtlsState: transport.dtlsState, energy: inbound.totalAudioEnergy ?? 0,
      };
    },
  };
})();

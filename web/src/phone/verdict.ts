/** Reads `getStats()` and says in one line whether the call works. Pure: samples in, words out. */

/** What one look at the statistics says about the audio of a call. */
export interface MediaSample {
  packetsReceived: number;
  packetsLost: number;
  packetsSent: number;
  /** Sum of energy played; stays the same while nothing but digital silence arrives. */
  energyReceived: number | null;
  /** Sum of energy captured, before mute. */
  energyCaptured: number | null;
  /** Momentary loudness, 0 to 1. */
  levelReceived: number | null;
  levelCaptured: number | null;
  codec: string | null;
  clockRate: number | null;
  dtlsVersion: string | null;
  srtpCipher: string | null;
  roundTripMs: number | null;
  jitterMs: number | null;
  isConnected: boolean;
}

/** What the person did that explains silence. */
export interface CallConditions {
  isMuted: boolean;
  isOnHold: boolean;
  isListenOnly: boolean;
  /** Nothing was heard for so long that the person wonders. */
  isLongSilent: boolean;
}

export interface Verdict {
  /** Summary and figures in one line. */
  words: string;
  /** The part that does not change from second to second. */
  summary: string;
  isTwoWay: boolean;
  isHearing: boolean;
  isSending: boolean;
}

/** What a long silence most often means; the other side's hold is not signalled to this phone. */
export const LONG_SILENCE = 'It is silent: they may have muted or put you on hold';

/** Energy per second at 70 dB below full scale: comfort noise and less. */
const SILENT_ENERGY = 1e-7;

/** Whether anything could be heard between two samples, a second apart. */
export function isSoundBetween(before: MediaSample, now: MediaSample): boolean {
  if (before.energyReceived === null || now.energyReceived === null) return now.packetsReceived > before.packetsReceived;
  return now.energyReceived - before.energyReceived > SILENT_ENERGY;
}

type Stat = Record<string, unknown> & { type?: string };

/** Picks the audio figures out of an `RTCStatsReport` (anything with `values()`). */
export function mediaSample(report: { values(): Iterable<unknown> }): MediaSample {
  const stats = [...report.values()] as Stat[];
  const byId = new Map(stats.map((stat) => [stat['id'], stat]));
  const audio = (type: string) => stats.find((stat) => stat.type === type && (stat['kind'] ?? 'audio') === 'audio');
  const inbound = audio('inbound-rtp');
  const outbound = audio('outbound-rtp');
  const source = audio('media-source');
  const transport = stats.find((stat) => stat.type === 'transport');
  const pair =
    byId.get(transport?.['selectedCandidatePairId']) ??
    stats.find((stat) => stat.type === 'candidate-pair' && stat['nominated'] === true && stat['state'] === 'succeeded');
  const codec = byId.get(inbound?.['codecId'] ?? outbound?.['codecId']);
  const mimeType = text(codec?.['mimeType']);
  const roundTrip = number(pair?.['currentRoundTripTime']);
  const jitter = number(inbound?.['jitter']);
  return {
    packetsReceived: number(inbound?.['packetsReceived']) ?? 0,
    packetsLost: Math.max(0, number(inbound?.['packetsLost']) ?? 0),
    packetsSent: number(outbound?.['packetsSent']) ?? 0,
    energyReceived: number(inbound?.['totalAudioEnergy']),
    energyCaptured: number(source?.['totalAudioEnergy']),
    levelReceived: number(inbound?.['audioLevel']),
    levelCaptured: number(source?.['audioLevel']),
    codec: mimeType ? codecName(mimeType) : null,
    clockRate: number(codec?.['clockRate']),
    dtlsVersion: dtlsVersion(text(transport?.['tlsVersion'])),
    srtpCipher: text(transport?.['srtpCipher']),
    roundTripMs: roundTrip === null ? null : Math.round(roundTrip * 1000),
    jitterMs: jitter === null ? null : Math.round(jitter * 1000),
    isConnected: pair !== undefined,
  };
}

/** Judges the time between two samples, a few seconds apart. */
export function verdict(before: MediaSample, now: MediaSample, conditions: CallConditions): Verdict {
  if (conditions.isOnHold) return silent('On hold');
  if (!now.isConnected) return silent('Connected, but audio cannot get through. A firewall may be blocking UDP');
  const isHearing = now.packetsReceived > before.packetsReceived;
  const isSending = now.packetsSent > before.packetsSent;
  const summary = direction(before, now, conditions, isHearing, isSending);
  const words = [summary, ...figures(before, now)].join(', ');
  return { words, summary, isTwoWay: isHearing && isSending, isHearing, isSending };
}

function silent(words: string): Verdict {
  return { words, summary: words, isTwoWay: false, isHearing: false, isSending: false };
}

function direction(
  before: MediaSample,
  now: MediaSample,
  conditions: CallConditions,
  isHearing: boolean,
  isSending: boolean,
): string {
  if (!isHearing && !isSending) return 'No audio in either direction';
  // A path that has carried audio and stopped is the other side's doing more often than a fault.
  if (!isHearing && conditions.isLongSilent && before.packetsReceived > 0) return LONG_SILENCE;
  if (!isHearing) return 'They can hear you, but no audio arrives from them';
  if (!isSending) return 'You can hear them, but your audio does not leave this browser';
  const isMicrophoneSilent = isFlat(before.energyCaptured, now.energyCaptured) && !conditions.isMuted && !conditions.isListenOnly;
  if (conditions.isLongSilent && !isMicrophoneSilent) return LONG_SILENCE;
  if (conditions.isListenOnly) return 'Listening only';
  if (conditions.isMuted) return 'Two-way audio, you are muted';
  if (isMicrophoneSilent) return 'Your microphone is silent';
  if (isFlat(before.energyReceived, now.energyReceived)) return 'Connected both ways, but they are silent';
  return 'Two-way audio';
}

function figures(before: MediaSample, now: MediaSample): string[] {
  const lost = now.packetsLost - before.packetsLost;
  const expected = now.packetsReceived - before.packetsReceived + Math.max(0, lost);
  const lostPercent = expected > 0 ? (Math.max(0, lost) * 100) / expected : null;
  const figures: string[] = [];
  if (now.codec) figures.push(now.clockRate ? `${now.codec} ${now.clockRate / 1000} kHz` : now.codec);
  if (now.dtlsVersion) figures.push(`DTLS ${now.dtlsVersion}`);
  if (now.roundTripMs !== null) figures.push(`${now.roundTripMs} ms`);
  if (lostPercent !== null) figures.push(`${lostPercent < 10 ? Number(lostPercent.toFixed(1)) : Math.round(lostPercent)} % lost`);
  return figures;
}

function isFlat(before: number | null, now: number | null): boolean {
  return before !== null && now !== null && now <= before;
}

function codecName(mimeType: string): string {
  const name = mimeType.replace(/^audio\//i, '');
  switch (name.toLowerCase()) {
    case 'opus':
      return 'Opus';
    case 'pcmu':
      return 'G.711 µ-law';
    case 'pcma':
      return 'G.711 A-law';
    case 'g722':
      return 'G.722';
    default:
      return name;
  }
}

/** Browsers give the version number of the record layer in hex. */
function dtlsVersion(hex: string | null): string | null {
  switch (hex?.toUpperCase()) {
    case 'FEFC':
      return '1.3';
    case 'FEFD':
      return '1.2';
    case 'FEFF':
      return '1.0';
    default:
      return null;
  }
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Why a call ended, in plain words, from the SIP status, the Reason header (RFC 3326) and JsSIP's own cause. */

export interface Ending {
  /** Who ended it, in JsSIP's words. */
  originator: 'local' | 'remote' | 'system';
  /** JsSIP's cause, one of its fixed strings. */
  cause: string;
  direction: 'incoming' | 'outgoing';
  /** The other side's number, as dialled or as shown. */
  number: string;
  /** The call had been answered before it ended. */
  wasAnswered: boolean;
  /** Audio had been flowing at some time. */
  wasMediaUp: boolean;
  /** This phone refused it by itself, for want of room. */
  wasRefusedBusy: boolean;
  status?: number;
  reasonPhrase?: string;
  /** Each Reason header, as received. */
  reasons?: string[];
}

export interface EndedReason {
  /** One short sentence for the person, no full stop. */
  words: string;
  /** What to tell support: status line or cause. */
  detail: string | null;
  /** Nothing went wrong: somebody hung up or cancelled. */
  isOrdinary: boolean;
}

export interface Reason {
  protocol: string;
  cause: number | null;
  text: string | null;
}

export function endedReason(ending: Ending): EndedReason {
  const reasons = (ending.reasons ?? []).flatMap(parseReasons);
  const ordinary = ordinaryWords(ending, reasons);
  if (ordinary) return { words: ordinary, detail: null, isOrdinary: true };

  const sip = reasons.find((reason) => reason.protocol === 'SIP');
  const q850 = reasons.find((reason) => reason.protocol === 'Q.850');
  const status = ending.status ?? sip?.cause ?? null;
  const told = sip?.text ? sentence(sip.text) : null;
  const words =
    ownWords(ending, reasons) ??
    localWords(ending) ??
    STATUS_WORDS[status ?? 0] ??
    Q850_WORDS[q850?.cause ?? 0] ??
    told ??
    (ending.reasonPhrase ? sentence(ending.reasonPhrase) : 'The call ended unexpectedly');
  const detail =
    ending.status !== undefined ? `${ending.status} ${ending.reasonPhrase ?? ''}`.trim() : (told ?? q850?.text ?? null);
  return { words, detail: detail === words ? null : detail, isOrdinary: false };
}

/** Reads `SIP;cause=503;text="PBX cannot be reached", Q.850;cause=38`. What does not look like a reason is left out. */
export function parseReasons(header: string): Reason[] {
  const reasons: Reason[] = [];
  // Split on commas outside quotes, then on semicolons outside quotes.
  for (const value of header.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? []) {
    const [protocol, ...params] = value.match(/(?:"(?:\\.|[^"\\])*"|[^;"])+/g) ?? [];
    if (!protocol?.trim()) continue;
    const reason: Reason = { protocol: protocol.trim().toUpperCase(), cause: null, text: null };
    for (const param of params) {
      const at = param.indexOf('=');
      const name = param.slice(0, at).trim().toLowerCase();
      const text = param.slice(at + 1).trim();
      if (name === 'cause' && /^\d{1,3}$/.test(text)) reason.cause = Number(text);
      if (name === 'text') reason.text = text.replace(/^"|"$/g, '').replace(/\\(.)/g, '$1').slice(0, 160) || null;
    }
    reasons.push(reason);
  }
  return reasons;
}

function ordinaryWords(ending: Ending, reasons: Reason[]): string | null {
  const { originator, cause, direction, wasAnswered } = ending;
  if (ending.wasRefusedBusy) return 'Missed while two calls were up';
  if (originator === 'local' && cause === 'Terminated') return 'You hung up';
  if (originator === 'local' && cause === 'Canceled') return wasAnswered ? 'You hung up' : 'You cancelled the call';
  if (originator === 'local' && cause === 'Rejected') return 'You declined the call';
  if (direction === 'incoming' && !wasAnswered && originator === 'remote') {
    const isElsewhere = reasons.some((reason) => (reason.protocol === 'SIP' && reason.cause === 200) || reason.text === ELSEWHERE);
    return isElsewhere ? 'Answered on another phone' : 'Missed call';
  }
  if (originator === 'remote' && cause === 'Terminated') {
    const isOrdinary = (reason: Reason) =>
      reason.text === HUNG_UP || reason.cause === null || ORDINARY_CAUSES.has(`${reason.protocol} ${reason.cause}`);
    // The server's own sentence counts even beside a cause that would be ordinary.
    const isClean = ownWords(ending, reasons.filter((reason) => reason.text !== HUNG_UP)) === null && reasons.every(isOrdinary);
    return isClean ? 'They hung up' : null;
  }
  return null;
}

/** The server's own sentence, from a Reason or the status line. It knows best; a PBX's phrases are for engineers. */
function ownWords(ending: Ending, reasons: Reason[]): string | null {
  const texts = [...reasons.map((reason) => reason.text), ending.reasonPhrase ?? null];
  const own = texts.find((text) => text !== null && OWN_TEXTS.has(text)) ?? null;
  if (own !== NO_PHONE) return own;
  if (ending.number === OTHER_PHONE) return 'You have no other phone connected. Open this page in a second tab or browser.';
  return ending.number === '' ? own : `${ending.number} is not signed in`;
}

/** What this browser found out by itself, without a status from the server. */
function localWords(ending: Ending): string | null {
  switch (ending.cause) {
    case 'RTP Timeout':
      return ending.wasMediaUp
        ? 'The audio connection was lost'
        : 'Connected, but audio cannot get through. A firewall may be blocking UDP';
    case 'Connection Error':
      return 'The connection to Ringfence was lost';
    case 'Request Timeout':
      return 'Ringfence did not answer in time';
    case 'No Answer':
    case 'Expires':
      return ending.direction === 'incoming' ? 'Missed call' : 'No answer';
    case 'No ACK':
      return 'The other side did not confirm the call';
    case 'WebRTC Error':
    case 'Bad Media Description':
    case 'Missing SDP':
      return 'The browser and the server could not agree on audio';
    case 'User Denied Media Access':
      return 'The microphone could not be used';
    case 'Dialog Error':
      return 'The server no longer knows this call';
    default:
      return null;
  }
}

function sentence(text: string): string {
  const trimmed = text.trim().replace(/\.$/, '');
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}

const ORDINARY_CAUSES = new Set(['Q.850 16', 'Q.850 31', 'SIP 200', 'SIP 487']);

const HUNG_UP = 'Call ended';
const ELSEWHERE = 'Call completed elsewhere';
const NO_PHONE = 'No phone connected at this number';
/** The built-in number that rings the caller's own other phones. */
const OTHER_PHONE = '*45';

/** The sentences of the server, as in its `src/base/cause.rs`: shown as they are. */
const OWN_TEXTS: ReadonlySet<string> = new Set([
  HUNG_UP,
  'Caller hung up before an answer',
  ELSEWHERE,
  'Busy',
  'No answer',
  'Call declined',
  'Number not found',
  NO_PHONE,
  'No common audio format',
  'Not allowed to call this number',
  'The PBX cannot be reached',
  'Secure audio could not be set up',
  'No audio arrived for too long',
  'Too many calls at the moment',
  'The server is restarting',
  'Connection lost',
  'The call failed',
]);

const STATUS_WORDS: Record<number, string> = {
  400: 'The server did not understand the call',
  401: 'This phone is not signed in',
  403: 'You are not allowed to call this number',
  404: 'This number does not exist',
  407: 'This phone is not signed in',
  408: 'No answer',
  410: 'This number is no longer in use',
  415: 'The other side cannot use this kind of audio',
  429: 'Too many calls at once. Wait a moment and try again',
  480: 'Not available right now',
  481: 'The call was already over',
  482: 'The call went round in a circle',
  483: 'The call was passed on too often',
  484: 'The number is not complete',
  486: 'Busy',
  487: 'The call was cancelled',
  488: 'The other side cannot use this kind of audio',
  491: 'Two changes crossed. Try again',
  500: 'The server had a problem with this call',
  501: 'The PBX cannot do this',
  502: 'The PBX gave an answer that makes no sense',
  503: 'The PBX is busy or has no free line',
  504: 'The PBX did not answer in time',
  600: 'Busy',
  603: 'The call was declined',
  604: 'This number does not exist anywhere',
  606: 'The other side cannot use this kind of audio',
  607: 'The call is not wanted',
  608: 'The call was rejected by a filter',
};

/** ITU-T Q.850 causes a PBX may give in a BYE, where there is no SIP status. */
const Q850_WORDS: Record<number, string> = {
  1: 'This number does not exist',
  3: 'There is no route to this number',
  17: 'Busy',
  18: 'No answer',
  19: 'No answer',
  20: 'Not available right now',
  21: 'The call was declined',
  27: 'The other side cannot be reached',
  28: 'The number is not complete',
  34: 'All lines are busy',
  38: 'The PBX cannot be reached',
  41: 'The call ended because of a passing problem. Try again',
  42: 'Too many calls at the moment. Try again',
  44: 'All lines are busy',
  102: 'The PBX did not answer in time',
};

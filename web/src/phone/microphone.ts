/**
 * Where the person's voice comes from: a real microphone, a test tone, or silence for listening only.
 *
 * One capture is shared by all calls; each call borrows its own copy of the track, so that muting or holding one call
 * does not touch another. The device is let go when the last copy comes back, and the browser's red dot goes out.
 */
import { audioContext } from './audio.ts';
import { Emitter } from './emitter.ts';

export type MicrophoneSource = { kind: 'device'; deviceId: string | null } | { kind: 'tone' } | { kind: 'silence' };

export type MicrophoneProblemKind = 'blocked' | 'missing' | 'busy' | 'insecure' | 'other';

export interface MicrophoneProblem {
  kind: MicrophoneProblemKind;
  title: string;
  words: string;
}

/** What is known of the microphone before and while it is used. */
export type MicrophoneState = 'unknown' | 'allowed' | 'open' | 'problem';

export class MicrophoneError extends Error {
  constructor(readonly problem: MicrophoneProblem) {
    super(problem.title);
    this.name = 'MicrophoneError';
  }
}

interface MicrophoneEvents {
  /** Source, devices, state or problem changed. */
  changed: void;
  /** A new capture replaced the old one: whoever borrowed a copy should borrow again. */
  replaced: void;
}

export const TEST_TONE_HZ = 440;

export class Microphone extends Emitter<MicrophoneEvents> {
  source: MicrophoneSource = { kind: 'device', deviceId: null };
  devices: { deviceId: string; label: string }[] = [];
  problem: MicrophoneProblem | null = null;
  state: MicrophoneState = 'unknown';

  #capture: Promise<Capture> | null = null;
  readonly #borrowed = new Set<MediaStream>();

  constructor(private readonly toneHz: number = TEST_TONE_HZ) {
    super();
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#devicesChanged());
    void this.#lookAround();
  }

  /** Opens the source if needed and gives a copy of its stream. Rejects with a `MicrophoneError`. */
  async borrow(): Promise<MediaStream> {
    const capture = await this.#open();
    const copy = new MediaStream(capture.stream.getAudioTracks().map((track) => track.clone()));
    this.#borrowed.add(copy);
    return copy;
  }

  giveBack(copy: MediaStream): void {
    for (const track of copy.getTracks()) track.stop();
    this.#borrowed.delete(copy);
    if (this.#borrowed.size === 0) void this.#close();
  }

  /** Changes the source; calls that are up are moved to it by `replaced`. Rejects with a `MicrophoneError`. */
  async use(source: MicrophoneSource): Promise<void> {
    this.source = source;
    this.problem = null;
    const wasInUse = this.#borrowed.size > 0;
    await this.#close();
    this.emit('changed', undefined);
    if (!wasInUse) return;
    await this.#open();
    this.emit('replaced', undefined);
  }

  async #open(): Promise<Capture> {
    this.#capture ??= capture(this.source, this.toneHz);
    const opening = this.#capture;
    try {
      const opened = await opening;
      opened.onended = () => this.#unplugged(opening);
      this.problem = null;
      if (this.source.kind === 'device') this.state = 'open';
      await this.#listDevices();
      this.emit('changed', undefined);
      return opened;
    } catch (error) {
      if (this.#capture === opening) this.#capture = null;
      const problem = microphoneProblem(error, isSecureContext);
      this.problem = problem;
      this.state = 'problem';
      this.emit('changed', undefined);
      throw new MicrophoneError(problem);
    }
  }

  async #close(): Promise<void> {
    const closing = this.#capture;
    this.#capture = null;
    const opened = await closing?.catch(() => null);
    opened?.close();
    if (this.state === 'open') {
      this.state = 'allowed';
      this.emit('changed', undefined);
    }
  }

  #unplugged(ended: Promise<Capture>): void {
    if (this.#capture !== ended) return;
    // The system's default microphone, if one is left, keeps the call going; if none is, `problem` says so.
    this.use({ kind: 'device', deviceId: null }).catch(() => {});
  }

  async #devicesChanged(): Promise<void> {
    await this.#listDevices();
    if (this.problem?.kind === 'missing' && this.devices.length > 0) {
      this.problem = null;
      this.state = 'unknown';
    }
    this.emit('changed', undefined);
  }

  async #lookAround(): Promise<void> {
    if (!navigator.mediaDevices) {
      this.problem = PROBLEMS.insecure;
      this.state = 'problem';
      this.emit('changed', undefined);
      return;
    }
    try {
      const permission = await navigator.permissions.query({ name: 'microphone' as PermissionName });
      const read = () => {
        if (permission.state === 'granted' && this.state === 'unknown') this.state = 'allowed';
        if (permission.state !== 'denied' && this.problem?.kind === 'blocked') this.problem = null;
        this.emit('changed', undefined);
      };
      permission.addEventListener('change', read);
      read();
    } catch {
      // Not every browser tells before it is asked; then the first call tells.
    }
    await this.#listDevices();
    this.emit('changed', undefined);
  }

  async #listDevices(): Promise<void> {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.devices = devices
      .filter((device) => device.kind === 'audioinput' && device.deviceId !== '')
      .map((device, index) => ({ deviceId: device.deviceId, label: device.label || `Microphone ${index + 1}` }));
  }
}

interface Capture {
  stream: MediaStream;
  /** The device went away. Not called for `close`. */
  onended: () => void;
  close(): void;
}

async function capture(source: MicrophoneSource, toneHz: number): Promise<Capture> {
  switch (source.kind) {
    case 'device':
      return captureDevice(source.deviceId);
    case 'tone':
      return synthesise(toneHz);
    case 'silence':
      // Silence is sent, not withheld: PBXs take a stream without packets for a dead one.
      return synthesise(null);
  }
}

async function captureDevice(deviceId: string | null): Promise<Capture> {
  if (!navigator.mediaDevices) throw new DOMException('no media devices', 'SecurityError');
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {
      ...(deviceId === null ? {} : { deviceId: { exact: deviceId } }),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
  });
  const captured: Capture = {
    stream,
    onended: () => {},
    close: () => stream.getTracks().forEach((track) => track.stop()),
  };
  for (const track of stream.getTracks()) track.addEventListener('ended', () => captured.onended());
  return captured;
}

function synthesise(toneHz: number | null): Capture {
  const context = audioContext();
  const destination = context.createMediaStreamDestination();
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  oscillator.frequency.value = toneHz ?? 0;
  volume.gain.value = toneHz === null ? 0 : 0.3;
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  return {
    stream: destination.stream,
    onended: () => {},
    close: () => {
      oscillator.stop();
      volume.disconnect();
    },
  };
}

const PROBLEMS: Record<MicrophoneProblemKind, MicrophoneProblem> = {
  blocked: {
    kind: 'blocked',
    title: 'Your browser is blocking the microphone',
    words: 'Allow the microphone for this page with the icon at the start of the address bar, then try again.',
  },
  missing: {
    kind: 'missing',
    title: 'No microphone found',
    words: 'Plug one in. This page notices by itself.',
  },
  busy: {
    kind: 'busy',
    title: 'Another program is using the microphone',
    words: 'Close the other call or recorder, then try again.',
  },
  insecure: {
    kind: 'insecure',
    title: 'This address cannot use the microphone',
    words: 'Browsers only allow calls on https or localhost. Open this page by its https address.',
  },
  other: {
    kind: 'other',
    title: 'The microphone could not be opened',
    words: 'Choose another one, or try again.',
  },
};

/** What to tell the person when `getUserMedia` failed with `error`. */
export function microphoneProblem(error: unknown, isSecure: boolean): MicrophoneProblem {
  if (!isSecure) return PROBLEMS.insecure;
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
      return PROBLEMS.blocked;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return PROBLEMS.missing;
    case 'NotReadableError':
    case 'AbortError':
      return PROBLEMS.busy;
    case 'SecurityError':
      return PROBLEMS.insecure;
    default:
      return PROBLEMS.other;
  }
}

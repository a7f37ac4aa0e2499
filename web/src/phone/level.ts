/** Level meters: how loud a stream is right now, 0 to 1 on a scale that looks even to the ear. */
import { audioContext } from './audio.ts';

/** Quieter than this shows as nothing; full scale is 0 dB. */
const FLOOR_DB = -60;

export class LevelMeter {
  readonly #source: MediaStreamAudioSourceNode;
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(stream: MediaStream) {
    const context = audioContext();
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
  }

  read(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let energy = 0;
    for (const sample of this.#samples) energy += sample * sample;
    return levelOf(Math.sqrt(energy / this.#samples.length));
  }

  close(): void {
    this.#source.disconnect();
  }
}

/** Maps a root-mean-square amplitude (0 to 1) to a meter position (0 to 1). */
export function levelOf(rms: number): number {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(rms)) / FLOOR_DB));
}

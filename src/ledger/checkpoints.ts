import type { Clock, Ms } from '#core/time.ts';
import { errorCode, isFull } from './files.ts';
import { TILE_WIDTH } from './merkle.ts';
import type { Anchor } from './port.ts';
import type { Publisher } from './publisher.ts';
import { segmentsOf } from './reader.ts';

/** A keeper that does not answer must not hold up the end of the process. */
const SIGN_TIMEOUT: Ms = 5_000;
export const IDLE_CHECKPOINT: Ms = 3_600_000;

/** `broken` names the error of the disk by its code: EIO, EROFS. */
export type Published = 'signed' | 'unsigned' | 'full' | { readonly broken: string };

/** Brings tiles and checkpoints out one after another, whoever asks. */
export class Checkpoints {
  readonly #publisher: Publisher;
  readonly #directory: string;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #signedAt = Number.NEGATIVE_INFINITY;

  constructor(publisher: Publisher, directory: string, clock: Clock) {
    this.#publisher = publisher;
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Changed since the last one, or an hour old: an unchanged log that still signs proves that nothing happened. */
  due(): boolean {
    const idle = this.#clock.now().mono - this.#signedAt >= IDLE_CHECKPOINT;
    return idle || this.#publisher.anchor().size !== this.#publisher.signed;
  }

  /** Writes tiles only: frees the memory of a log that grows faster than it is signed. */
  materialise(): Promise<void> {
    return this.#then(async () => {
      await this.#publisher.materialise();
    });
  }

  publish(): Promise<Published> {
    return this.#then(async () => {
      try {
        const anchor = await this.#publisher.materialise();
        const lines = await this.#signature(anchor);
        if (lines === undefined) return 'unsigned';
        await this.#publisher.publish(anchor, lines);
        this.#signedAt = this.#clock.now().mono;
        await this.#dropOldSegments(anchor.size);
        return 'signed';
      } catch (error) {
        return isFull(error) ? 'full' : { broken: errorCode(error) ?? 'tiles' };
      }
    });
  }

  #then<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => {});
    return next;
  }

  /** A signature that comes too late is thrown away: the checkpoint must not go back to it. */
  #signature(anchor: Anchor): Promise<string | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(SIGN_TIMEOUT, () => resolve(undefined));
      this.#publisher
        .signature(anchor)
        .then(resolve, () => resolve(undefined))
        .finally(cancel);
    });
  }

  /**
   * A segment goes when a later one has begun and all of it is in full tiles that are synced: partial ones give way to
   * others that are not, and recovery reads from the segments what they still hold.
   */
  async #dropOldSegments(size: number): Promise<void> {
    const full = Math.floor(size / TILE_WIDTH) * TILE_WIDTH;
    const segments = await segmentsOf(this.#directory);
    const old = segments.filter((_, at) => (segments[at + 1]?.first ?? Number.POSITIVE_INFINITY) <= full);
    if (old.length === 0) return;
    await this.#publisher.sync();
    await this.#publisher.dropSegments(old.map(({ path }) => path));
  }

  /** At the end: everything durable outside the segments, which then are not needed any more. */
  async seal(): Promise<void> {
    await this.#then(async () => {
      const { size } = this.#publisher.anchor();
      if (this.#publisher.signed !== size) return;
      await this.#publisher.sync();
      await this.#publisher.dropSegments((await segmentsOf(this.#directory)).map(({ path }) => path));
    });
  }
}

import type { Clock, Ms } from '#core/time.ts';
import { errorCode } from './files.ts';
import type { Publisher } from './publisher.ts';
import { segmentsOf } from './reader.ts';

/** A keeper that does not answer must not hold up the end of the process. */
const SIGN_TIMEOUT: Ms = 10_000;
export const IDLE_CHECKPOINT: Ms = 3_600_000;

export type Published = 'signed' | 'unsigned' | 'full' | 'broken';

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
        if (!(await this.#sign(() => this.#publisher.sign(anchor)))) return 'unsigned';
        this.#signedAt = this.#clock.now().mono;
        await this.#dropOldSegments(anchor.size);
        return 'signed';
      } catch (error) {
        return errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT' ? 'full' : 'broken';
      }
    });
  }

  #then<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => {});
    return next;
  }

  #sign(work: () => Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(SIGN_TIMEOUT, () => resolve(false));
      work()
        .then(
          () => resolve(true),
          () => resolve(false),
        )
        .finally(cancel);
    });
  }

  /** A segment goes when a later one has begun and everything in it is in synced tiles under a signature. */
  async #dropOldSegments(size: number): Promise<void> {
    const segments = await segmentsOf(this.#directory);
    const old = segments.filter((_, at) => (segments[at + 1]?.first ?? Number.POSITIVE_INFINITY) <= size);
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

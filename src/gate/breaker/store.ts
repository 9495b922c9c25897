import type { Clock, Ms } from '#core/time.ts';
import type { Telemetry } from '#telemetry/port.ts';
import { Books, type BooksState } from './books.ts';
import type { BreakerLimits } from './port.ts';
import type { Found, Version, Written } from './request.ts';
import { parseState, renderState } from './state.ts';

export interface StoreParts extends Telemetry {
  readonly limits: BreakerLimits;
  readonly clock: Clock;
  /** Reads the object as `breaker`; never throws. */
  readonly read: () => Promise<Found>;
  /** One recorded, fenced write of it; never throws. */
  readonly write: (json: string, version: Version | undefined) => Promise<Written>;
}

/** A failed read is not repeated before that much has passed. */
const READ_AGAIN: Ms = 2_000;
const REMEDY =
  'until it is readable nothing is deleted; look at ConfigMap comptroller-system/comptroller-breaker, or delete it: then what was held and counted is forgotten';

/** The books, read before the first destructive write of a leadership, and kept in one object of the cluster. */
export class Store {
  readonly #parts: StoreParts;
  #books: Books | undefined;
  #version: Version | undefined;
  /** Changes made, and how many of them are kept. */
  #changed = 0;
  #kept = 0;
  #reading: Promise<Books | undefined> | undefined;
  #writing: Promise<void> | undefined;
  #onOpened: () => void = () => {};
  #failed: { readonly why: string; readonly at: Ms } | undefined;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Called in the turn in which the books are opened, before anyone else sees them. */
  onOpened(act: () => void): void {
    this.#onOpened = act;
  }

  /** Undefined before they were read. */
  get books(): Books | undefined {
    return this.#books;
  }

  /** Why there is no allowance; undefined when there is. */
  failing(): string | undefined {
    return this.#failed?.why;
  }

  /** The books; undefined while they cannot be read: then there is no allowance. */
  open(): Promise<Books | undefined> {
    if (this.#books !== undefined) return Promise.resolve(this.#books);
    const { clock } = this.#parts;
    if (this.#failed !== undefined && clock.now().mono - this.#failed.at < READ_AGAIN)
      return Promise.resolve(undefined);
    this.#reading ??= this.#load().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #load(): Promise<Books | undefined> {
    const found = await this.#parts.read();
    if (found.kind === 'absent') return this.#begin();
    if (found.kind !== 'found') return this.#fail('the state cannot be read');
    const state = found.json === undefined ? undefined : parseState(found.json);
    if (state === undefined) return this.#fail('the state is malformed');
    this.#version = found.version;
    return this.#opened(state);
  }

  /** The object is made before anything rests on it: a place where it cannot be kept is found out now. */
  async #begin(): Promise<Books | undefined> {
    const books = new Books(this.#parts.limits);
    const written = await this.#parts.write(renderState(books.state()), undefined);
    this.#count(written.kind);
    if (written.kind !== 'kept') return this.#fail('the state cannot be made');
    this.#version = written.version;
    return this.#opened(undefined, books);
  }

  #opened(state: BooksState | undefined, books = new Books(this.#parts.limits, state)): Books {
    this.#books = books;
    this.#failed = undefined;
    this.#onOpened();
    this.#parts.log.info('opening the books of the breaker', { holds: books.holds().length });
    return books;
  }

  #fail(why: string): undefined {
    const { clock, log, meter } = this.#parts;
    this.#failed = { why, at: clock.now().mono };
    meter.count('breaker_state_reads_failed_total', { why });
    log.error('refusing every destructive write', { why, remedy: REMEDY });
    return undefined;
  }

  /** Something changed that may be lost in a crash. */
  touch(): void {
    this.#changed += 1;
  }

  /** Keeps what changed; resolves with whether all of it, up to now, is kept. Changes that wait go out together. */
  async save(): Promise<boolean> {
    const wanted = this.#changed;
    if (this.#kept >= wanted) return true;
    // The write under way may have begun before the change: then one more is needed.
    for (let round = 0; round < 2 && this.#kept < wanted; round++) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    return this.#kept >= wanted;
  }

  async #write(): Promise<void> {
    if (this.#books === undefined) return;
    const changed = this.#changed;
    const json = renderState(this.#books.state());
    let written = await this.#parts.write(json, this.#version);
    this.#count(written.kind);
    if (written.kind === 'conflict') {
      written = await this.#again(json);
      this.#count(written.kind);
    }
    if (written.kind !== 'kept') return;
    this.#version = written.version;
    this.#kept = Math.max(this.#kept, changed);
  }

  /** Someone else wrote it, or our own answer was lost. While we lead, what we know is what counts. */
  async #again(json: string): Promise<Written> {
    const found = await this.#parts.read();
    this.#parts.log.warn('finding the state of the breaker changed by another: writing ours over it');
    if (found.kind === 'failed') return { kind: 'failed' };
    this.#version = found.kind === 'found' ? found.version : undefined;
    return this.#parts.write(json, this.#version);
  }

  #count(outcome: Written['kind']): void {
    this.#parts.meter.count('breaker_state_writes_total', { outcome });
  }
}

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
  /** The least time from the beginning of one write to the next. */
  readonly pace: Ms;
}

/** A failed read is not repeated before that much has passed. */
const READ_AGAIN: Ms = 2_000;
/** What is not kept for so long is an alarm, and nothing more is taken away on its account. */
const LATE: Ms = 15_000;
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
  /** Since when the oldest change waits to be kept. */
  #unkeptSince: Ms | undefined;
  #lastWrite = Number.NEGATIVE_INFINITY;
  /** The API server asked for patience until then. */
  #notBefore = Number.NEGATIVE_INFINITY;

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
    return this.#failed?.why ?? (this.late() ? 'the state cannot be kept' : undefined);
  }

  /** Whether what changed was not kept for too long: then every charge is to be kept before its write goes on. */
  late(): boolean {
    return this.#unkeptSince !== undefined && this.#parts.clock.now().mono - this.#unkeptSince >= LATE;
  }

  /** The books; undefined while they cannot be read: then there is no allowance. */
  open(): Promise<Books | undefined> {
    if (this.#books !== undefined) return Promise.resolve(this.#books);
    if (this.#failedJustNow() || this.#mustWait()) return Promise.resolve(undefined);
    this.#reading ??= this.#load().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  #failedJustNow(): boolean {
    return this.#failed !== undefined && this.#parts.clock.now().mono - this.#failed.at < READ_AGAIN;
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
    const written = await this.#send(books);
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
    this.#unkeptSince ??= this.#parts.clock.now().mono;
  }

  /** Keeps what changed; resolves with whether all of it, up to now, is kept. Changes that wait go out together. */
  async save(): Promise<boolean> {
    const wanted = this.#changed;
    if (this.#kept >= wanted) return true;
    // The write under way may have begun before the change: then one more is needed.
    for (let round = 0; round < 2 && this.#kept < wanted && !this.#mustWait(); round++) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    return this.#kept >= wanted;
  }

  async #write(): Promise<void> {
    if (this.#books === undefined) return;
    await this.#turn();
    const changed = this.#changed;
    const began = this.#parts.clock.now().mono;
    this.#lastWrite = began;
    const written = await this.#send(this.#books);
    if (written.kind !== 'kept') return;
    this.#version = written.version;
    this.#kept = Math.max(this.#kept, changed);
    this.#unkeptSince = this.#kept >= this.#changed ? undefined : began;
  }

  /** What waits for it is refused until then, and asked again: nobody holds still for as long as a server says. */
  #mustWait(): boolean {
    return this.#parts.clock.now().mono < this.#notBefore;
  }

  /** Whoever may make changes must not drive the API server with them: they go out together. */
  #turn(): Promise<void> {
    const { clock, pace } = this.#parts;
    const wait = this.#lastWrite + pace - clock.now().mono;
    return wait > 0 ? new Promise((resolve) => clock.after(wait, resolve)) : Promise.resolve();
  }

  /** One write, once more after a conflict. What throws on the way is a failed write: nobody waits for that promise. */
  async #send(books: Books): Promise<Written> {
    let written: Written = { kind: 'failed' };
    try {
      const json = renderState(books.state());
      written = await this.#parts.write(json, this.#version);
      if (written.kind === 'conflict' && this.#books !== undefined) {
        this.#count(written.kind);
        written = await this.#again(json);
      }
    } catch (error) {
      this.#parts.log.error('keeping the state of the breaker failed', { error: nameOf(error) });
      written = { kind: 'failed' };
    }
    this.#count(written.kind);
    if (written.kind === 'failed' && written.retryAfter !== undefined)
      this.#notBefore = this.#parts.clock.now().mono + written.retryAfter;
    return written;
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

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown');

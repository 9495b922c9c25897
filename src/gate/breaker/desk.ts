import type { Cache } from '#cache/port.ts';
import { BREAKER } from '#core/breaker.ts';
import type { PlannedEvent } from '#core/plan.ts';
import type { Clock, Ms } from '#core/time.ts';
import { seconds } from '#core/time.ts';
import type { Epoch } from '#leader/port.ts';
import type { Ledger, NoteDraft } from '#ledger/port.ts';
import type { Telemetry } from '#telemetry/port.ts';
import type { Work } from '../work.ts';
import type { Leave } from './books.ts';
import type { Lookup } from './lookup.ts';
import { holdNote, rootNote } from './notes.ts';
import type { Grant, Hold, HoldReason } from './port.ts';
import { generationOf } from './root.ts';
import type { Store } from './store.ts';
import { rounded, sentence, subjectOf } from './words.ts';

/** What is there only once this process leads. */
export interface Reins {
  readonly epoch: () => Epoch | undefined;
  readonly emit: (work: Work, events: readonly PlannedEvent[]) => void;
  /** `controller|queue|key`. */
  readonly wake: (address: string) => void;
}

export interface DeskParts extends Telemetry {
  readonly store: Store;
  readonly lookup: Lookup;
  readonly cache: Pick<Cache, 'view'>;
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, 'note'>;
}

/** What became of a person's word. `kept`: whether the next leader will know of it, should this one end now. */
export type Done =
  | { readonly ok: true; readonly hold: Hold; readonly grant?: Grant | undefined; readonly kept: boolean }
  | { readonly ok: false; readonly why: 'unreadable' | 'unknown' | 'unrecorded' | 'cluster' };

const SWEEP: Ms = seconds(10);
const FLUSH: Ms = seconds(5);

/** Where holds and people meet: records, Events and metrics of each change, and the keys that wait for it. */
export class Desk {
  readonly #parts: DeskParts;
  readonly #waiting = new Map<string, Set<string>>();
  #reins: Reins | undefined;
  /** What everything is to be held for once the books can be read. */
  #due: HoldReason | undefined;
  #stops: (() => void)[] = [];

  constructor(parts: DeskParts) {
    this.#parts = parts;
    parts.store.onOpened(() => this.#due !== undefined && void this.holdAll(this.#due));
  }

  epoch(): Epoch | undefined {
    return this.#reins?.epoch();
  }

  /** From now on it sweeps, keeps and tells; returns the end of that. */
  lead(reins: Reins): () => void {
    const { clock, store } = this.#parts;
    this.#reins = reins;
    const flush = (): void => void store.save();
    const sweep = (): void => void this.sweep();
    this.#stops = [every(clock, FLUSH, flush), every(clock, SWEEP, sweep)];
    sweep();
    return () => {
      for (const stop of this.#stops.splice(0)) stop();
    };
  }

  /** A key that runs again when the hold ends. */
  waits(hold: string, { controller, loop, key }: Work): void {
    const keys = this.#waiting.get(hold) ?? new Set();
    keys.add(`${controller.name}|${loop}|${key}`);
    this.#waiting.set(hold, keys);
  }

  /** A new hold: recorded, kept and told, before the refusal is. */
  async tripped(hold: Hold): Promise<void> {
    const { ledger, log, meter, store } = this.#parts;
    const { controller, scope, reason, id } = hold;
    meter.count('breaker_trips_total', { controller, scope });
    log.error('holding what takes too much away', {
      hold: id,
      scope,
      reason,
      subject: subjectOf(hold),
      weight: hold.weight,
    });
    store.touch();
    this.#show();
    this.#tell(hold, 'Warning', 'BreakerTripped', `${sentence(hold)} comptroller breaker show ${id}`);
    await Promise.all([ledger.note({ note: 'breaker-trip', ...holdNote(hold) }), store.save()]);
  }

  /** The root's wish is known to be of that generation: what stands against another one is void. */
  changed(root: string, generation: number | undefined): void {
    const { books } = this.#parts.store;
    for (const hold of books?.voided(root, generation) ?? []) this.#void(hold, 'the owner changed');
  }

  #void(hold: Hold, why: string): void {
    const { ledger, log, store } = this.#parts;
    log.info('ending a hold that is void', { hold: hold.id, subject: subjectOf(hold), why });
    void ledger.note({ note: 'breaker-void', hold: hold.id, ...rootNote(hold), why });
    store.touch();
    void store.save();
    this.#tell(hold, 'Normal', 'BreakerVoided', `hold ${hold.id} ended: ${why}`);
    this.#ended(hold);
  }

  /** History is not what it was (I16): nothing is taken away until a person has looked. Only of a leader's history. */
  async holdAll(reason: HoldReason): Promise<void> {
    const { store, clock } = this.#parts;
    this.#due = reason;
    // Leadership only begins: it is held for when the books are opened.
    if (this.#reins === undefined) return;
    const books = store.books ?? (await store.open());
    if (books === undefined || this.#due === undefined) return;
    this.#due = undefined;
    const hold = books.holdAll(reason, clock.now().wall);
    if (hold !== undefined) await this.tripped(hold);
  }

  async release(id: string, said: string, leave: Leave): Promise<Done> {
    const { ledger, store, clock, log } = this.#parts;
    const books = await store.open();
    const standing = books?.hold(id);
    if (books === undefined || standing === undefined) return { ok: false, why: books ? 'unknown' : 'unreadable' };
    const { by, count, expiry } = leave;
    const weight = rounded(count ?? standing.weight);
    const note: NoteDraft = { note: 'breaker-release', hold: id, ...rootNote(standing), by, said, weight, expiry };
    // The person and the words are on record before anything follows from them.
    if (!(await ledger.note(note)).ok) return { ok: false, why: 'unrecorded' };
    const released = books.release(id, leave, clock.now().wall);
    if (released === undefined) return { ok: false, why: 'unknown' };
    log.info('releasing a hold', { hold: id, by, weight });
    store.touch();
    const kept = await store.save();
    this.#tell(standing, 'Normal', 'BreakerReleased', `${by} released hold ${id}: up to ${weight} may be taken away`);
    this.#ended(standing);
    return { ok: true, ...released, kept };
  }

  async reject(id: string, by: string, said: string): Promise<Done> {
    const { ledger, store, log } = this.#parts;
    const books = await store.open();
    const standing = books?.hold(id);
    if (books === undefined || standing === undefined) return { ok: false, why: books ? 'unknown' : 'unreadable' };
    if (standing.scope === 'cluster') return { ok: false, why: 'cluster' };
    if (!(await ledger.note({ note: 'breaker-reject', hold: id, ...rootNote(standing), by, said })).ok)
      return { ok: false, why: 'unrecorded' };
    const hold = books.reject(id, by, said);
    if (hold === undefined) return { ok: false, why: 'unknown' };
    log.info('rejecting what is held', { hold: id, by });
    store.touch();
    const kept = await store.save();
    this.#tell(
      hold,
      'Normal',
      'BreakerRejected',
      `${by} rejected hold ${id}: it stays refused until the owner changes`,
    );
    this.#show();
    return { ok: true, hold, kept };
  }

  /** Closes what time closes, and ends the holds of roots that are gone or wish something else. */
  async sweep(): Promise<void> {
    const { store, lookup, clock } = this.#parts;
    const books = await store.open();
    if (books === undefined) return;
    if (books.sweep(clock.now().wall)) store.touch();
    for (const hold of books.holds()) {
      const { root, scope } = hold;
      if (scope === 'cluster' || root.ref === undefined || !lookup.holds(root.ref.resource)) continue;
      const found = lookup.get(root.ref.resource, root.ref);
      if (found !== undefined && found.metadata?.uid === root.ref.uid) this.changed(root.id, generationOf(found));
      else if (root.present) {
        books.drop(hold.id);
        this.#void(hold, 'the owner is gone');
      }
    }
    this.#show();
  }

  #ended({ id }: Hold): void {
    this.#show();
    const keys = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const address of keys) this.#reins?.wake(address);
  }

  #show(): void {
    const holds = this.#parts.store.books?.holds() ?? [];
    for (const state of ['open', 'rejected'] as const)
      this.#parts.meter.set('breaker_holds', { state }, holds.filter((hold) => hold.state === state).length);
  }

  #tell({ id, root }: Hold, type: PlannedEvent['type'], reason: string, message: string): void {
    const { cache, clock } = this.#parts;
    if (root.ref?.uid === undefined) return;
    const work: Work = { controller: BREAKER, loop: 'breaker', key: id, view: cache.view([]), now: clock.now() };
    this.#reins?.emit(work, [{ regarding: root.ref, type, reason, message: message.slice(0, 1000) }]);
  }
}

function every(clock: Clock, period: Ms, act: () => void): () => void {
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(period, () => {
      act();
      again();
    });
  };
  again();
  return () => cancel();
}

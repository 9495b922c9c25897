import type { Cache } from '#cache/port.ts';
import { BREAKER } from '#core/breaker.ts';
import { OWN_NAMESPACE } from '#core/own.ts';
import type { Plan, PlannedEvent } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import type { Clock, Ms } from '#core/time.ts';
import { seconds } from '#core/time.ts';
import type { Epoch } from '#leader/port.ts';
import type { Ledger, NoteDraft } from '#ledger/port.ts';
import type { Telemetry } from '#telemetry/port.ts';
import type { Work } from '../work.ts';
import { type Books, type Leave, rejectable } from './books.ts';
import type { Lookup } from './lookup.ts';
import { holdNote, rootNote } from './notes.ts';
import { overBecause, ownerOf } from './over.ts';
import type { Grant, Hold, HoldReason } from './port.ts';
import { generationOf } from './root.ts';
import type { Store } from './store.ts';
import { Waiting } from './waiting.ts';
import { rounded, sentence, subjectOf, untilWhen } from './words.ts';

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
  | { readonly ok: false; readonly why: 'unreadable' | 'unknown' | 'unrecorded' | 'unrejectable' }
  /** All of `weight` goes or nothing does: leave for less would let nothing go, or more than it says. */
  | { readonly ok: false; readonly why: 'too-little'; readonly weight: number };

const OURS: Ref = { resource: 'core/namespaces', name: OWN_NAMESPACE };
const SWEEP: Ms = seconds(10);
const FLUSH: Ms = seconds(5);
/** Who may change a root must not drive trips and voids with it: at most one void in so long, then the sweep's. */
const VOID_PACE: Ms = SWEEP;

/** Where holds and people meet: records, Events and metrics of each change, and the keys that wait for it. */
export class Desk {
  readonly #parts: DeskParts;
  readonly #waiting = new Waiting();
  #reins: Reins | undefined;
  /** What everything is to be held for once this process leads and the books can be read, and when that was seen. */
  readonly #due = new Map<HoldReason, Ms>();
  /** People's words on a hold, one after the other. */
  readonly #deciding = new Map<string, Promise<unknown>>();
  readonly #voidedAt = new Map<string, Ms>();
  #stops: (() => void)[] = [];

  constructor(parts: DeskParts) {
    this.#parts = parts;
    parts.store.onOpened(() => void this.holdDue());
  }

  epoch(): Epoch | undefined {
    return this.#reins?.epoch();
  }

  /** From now on it sweeps, keeps and tells; returns the end of that. `holdDue` comes before the first decision. */
  lead(reins: Reins): () => void {
    const { clock, store } = this.#parts;
    this.#reins = reins;
    const flush = (): void => void store.save();
    const sweep = (): void => void this.sweep();
    this.#stops = [every(clock, FLUSH, flush), every(clock, SWEEP, sweep)];
    sweep();
    return () => this.#stop();
  }

  /** The end in order: what was only counted is kept. */
  async end(): Promise<boolean> {
    this.#stop();
    return this.#parts.store.save();
  }

  #stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** A key that runs again when the hold ends. */
  waits(hold: string, work: Work): void {
    this.#waiting.add(hold, addressOf(work), this.#parts.clock.now().mono);
  }

  /** How many keys wait for it, as far as this process knows. */
  waiting(hold: string): number {
    return this.#waiting.count(hold);
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

  /** The root's wish is of that generation now: what stands against another one is void, at once or at the next sweep. */
  changed(root: string, generation: number | undefined): void {
    const last = this.#voidedAt.get(root);
    if (last === undefined || this.#parts.clock.now().mono - last >= VOID_PACE) this.#voidOthers(root, generation);
  }

  #voidOthers(root: string, generation: number | undefined): void {
    const { store, clock } = this.#parts;
    const gone = store.books?.voided(root, generation) ?? [];
    if (gone.length > 0) this.#voidedAt.set(root, clock.now().mono);
    for (const hold of gone) this.#void(hold, 'the owner changed');
  }

  #void(hold: Hold, why: string): void {
    const { ledger, log, store } = this.#parts;
    log.info('ending a hold that is void', { hold: hold.id, subject: subjectOf(hold), why });
    void ledger.note({ note: 'breaker-void', hold: hold.id, ...rootNote(hold), why });
    // Kept with the next flush: one that is there again after a crash is void again at the first sweep.
    store.touch();
    this.#tell(hold, 'Normal', 'BreakerVoided', `hold ${hold.id} ended: ${why}`);
    this.#ended(hold);
  }

  /** History is not what it was (I16): nothing is taken away until a person has looked. */
  async holdAll(reason: HoldReason): Promise<void> {
    const { store, clock } = this.#parts;
    const { wall } = clock.now();
    // A follower deletes nothing: it is held once this process leads, where the leader of now has not seen it as well.
    if (this.#reins === undefined || store.books === undefined) {
      this.#due.set(reason, wall);
      return this.holdDue();
    }
    const hold = store.books.holdAll(reason, wall);
    if (hold !== undefined) await this.tripped(hold);
  }

  /** What was seen before this process led, or before the books could be read. */
  async holdDue(): Promise<void> {
    const { store, clock } = this.#parts;
    if (this.#reins === undefined || this.#due.size === 0) return;
    const books = store.books ?? (await store.open());
    if (books === undefined) return;
    const due = [...this.#due];
    this.#due.clear();
    const held = due.flatMap(([reason, seen]) => books.holdAll(reason, clock.now().wall, seen) ?? []);
    await Promise.all(held.map((hold) => this.tripped(hold)));
  }

  /** One person's word after the other: of two at once, the second finds what the first one left. */
  async #alone(id: string, decide: () => Promise<Done>): Promise<Done> {
    const before = this.#deciding.get(id);
    const mine = before === undefined ? decide() : before.then(decide, decide);
    this.#deciding.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#deciding.get(id) === mine) this.#deciding.delete(id);
    }
  }

  release(id: string, said: string, leave: Leave): Promise<Done> {
    return this.#alone(id, () => this.#release(id, said, leave));
  }

  reject(id: string, by: string, said: string): Promise<Done> {
    return this.#alone(id, () => this.#reject(id, by, said));
  }

  async #release(id: string, said: string, leave: Leave): Promise<Done> {
    const { ledger, store, clock, log } = this.#parts;
    const books = await store.open();
    const standing = books?.hold(id);
    if (books === undefined || standing === undefined) return { ok: false, why: books ? 'unknown' : 'unreadable' };
    const { by, count, expiry } = leave;
    const asked = rounded(standing.weight);
    if (count !== undefined && rounded(count) < asked) return { ok: false, why: 'too-little', weight: asked };
    const weight = rounded(count ?? standing.weight);
    const note: NoteDraft = { note: 'breaker-release', hold: id, ...rootNote(standing), by, said, weight, expiry };
    // The person and the words are on record before anything follows from them.
    if (!(await ledger.note(note)).ok) return { ok: false, why: 'unrecorded' };
    const released = books.release(id, leave, clock.now().wall);
    if (released === undefined) return { ok: false, why: 'unknown' };
    log.info('releasing a hold', { hold: id, by, weight });
    store.touch();
    const kept = await store.save();
    // Events are the tenant's to read: who it was is in the ledger.
    const told = `a person released hold ${id}: ${weight === 0 ? 'things' : `up to ${weight}`} may be taken away`;
    this.#tell(standing, 'Normal', 'BreakerReleased', told);
    this.#ended(standing);
    return { ok: true, ...released, kept };
  }

  async #reject(id: string, by: string, said: string): Promise<Done> {
    const { ledger, store, log } = this.#parts;
    const books = await store.open();
    const standing = books?.hold(id);
    if (books === undefined || standing === undefined) return { ok: false, why: books ? 'unknown' : 'unreadable' };
    if (!rejectable(standing)) return { ok: false, why: 'unrejectable' };
    if (!(await ledger.note({ note: 'breaker-reject', hold: id, ...rootNote(standing), by, said })).ok)
      return { ok: false, why: 'unrecorded' };
    const hold = books.reject(id, by, said);
    if (hold === undefined) return { ok: false, why: 'unknown' };
    log.info('rejecting what is held', { hold: id, by });
    store.touch();
    const kept = await store.save();
    const told = `a person rejected hold ${id}: it stays refused until ${untilWhen(hold)}`;
    this.#tell(hold, 'Normal', 'BreakerRejected', told);
    this.#show();
    return { ok: true, hold, kept };
  }

  /** Closes what time closes, and ends the holds of roots that are gone or wish something else. */
  async sweep(): Promise<void> {
    const { store, clock } = this.#parts;
    const books = await store.open();
    if (books === undefined) return;
    const { wall, mono } = clock.now();
    if (books.sweep(wall)) store.touch();
    for (const [root, at] of this.#voidedAt) if (mono - at >= VOID_PACE) this.#voidedAt.delete(root);
    for (const hold of books.holds()) this.#sweepHold(hold, books);
    this.#show();
  }

  #sweepHold(hold: Hold, books: Books): void {
    const { lookup } = this.#parts;
    const why =
      overBecause(hold, lookup) ?? (this.#isForgotten(hold, books) ? 'nothing asks for it any more' : undefined);
    if (why !== undefined) {
      books.drop(hold.id);
      this.#void(hold, why);
      return;
    }
    const owner = hold.scope === 'cause' ? ownerOf(hold.root, lookup) : undefined;
    if (owner !== undefined) this.#voidOthers(hold.root.id, generationOf(owner));
  }

  /**
   * An owner that was gone already puts nothing right: what waits is asked whether it still wishes to go. While a
   * wider hold answers for it nobody can ask.
   */
  #isForgotten({ id, scope, root, namespace }: Hold, books: Books): boolean {
    if (scope !== 'cause' || root.present) return false;
    const { mono } = this.#parts.clock.now();
    if (books.isUnderWider(namespace)) {
      this.#waiting.touch(id, mono);
      return false;
    }
    const { wake, over } = this.#waiting.look(id, mono);
    for (const address of wake) this.#reins?.wake(address);
    return over;
  }

  /** Of each plan, whatever becomes of it: whether its key still wishes what is held. */
  noticed(work: Work, { chains, next, requeueAfter, blast }: Plan): void {
    const { mono } = this.#parts.clock.now();
    const root = blast?.root.uid;
    if (root !== undefined)
      for (const hold of this.#parts.store.books?.holds() ?? [])
        if (hold.root.id === root) this.#waiting.touch(hold.id, mono);
    const undecided = chains.length > 0 || next !== undefined || requeueAfter !== undefined;
    if (!undecided) this.#waiting.content(addressOf(work));
  }

  #ended({ id }: Hold): void {
    this.#show();
    for (const address of this.#waiting.end(id)) this.#reins?.wake(address);
  }

  #show(): void {
    const holds = this.#parts.store.books?.holds() ?? [];
    for (const state of ['open', 'rejected'] as const)
      this.#parts.meter.set('breaker_holds', { state }, holds.filter((hold) => hold.state === state).length);
  }

  /** What is about no object that has a name is told of Comptroller's own namespace, in `default`. */
  #tell({ id, root }: Hold, type: PlannedEvent['type'], reason: string, message: string): void {
    const { cache, clock } = this.#parts;
    const work: Work = { controller: BREAKER, loop: 'breaker', key: id, view: cache.view([]), now: clock.now() };
    this.#reins?.emit(work, [{ regarding: root.ref ?? OURS, type, reason, message: message.slice(0, 1000) }]);
  }
}

const addressOf = ({ controller, loop, key }: Work): string => `${controller.name}|${loop}|${key}`;

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

import type { Evidence } from '#core/plan.ts';
import type { Ms } from '#core/time.ts';
import { type Account, Accounts } from './accounts.ts';
import { Grants } from './grants.ts';
import { exceeds, type Over, type Standing } from './limits.ts';
import { bounded } from './numbers.ts';
import type { BreakerLimits, Grant, Hold, HoldReason, Root } from './port.ts';
import { createWindow, type Minute, type Window } from './window.ts';

export interface Ask {
  readonly controller: string;
  readonly root: Root;
  readonly loss: number;
  /** What the cause will take in all, where the planner knows. */
  readonly total?: number;
  /** What the root has, where that is known. */
  readonly has?: number;
  readonly evidence: Evidence;
  readonly writes: number;
  readonly sample: readonly string[];
}

export type Answer =
  /** `vital`: must be kept before the write goes on. `undo` takes it back, where it could not be kept. */
  | { readonly kind: 'pass'; readonly vital: boolean; readonly undo: () => void }
  | { readonly kind: 'held'; readonly hold: Hold; readonly tripped: boolean };

/** Everything that outlives the process. */
export interface BooksState {
  readonly v: 1;
  /** Holds made so far. */
  readonly serial: number;
  readonly accounts: readonly (Account & { readonly id: string })[];
  readonly holds: readonly Hold[];
  readonly grants: readonly Grant[];
  readonly window: readonly Minute[];
}

export const EMPTY: BooksState = { v: 1, serial: 0, accounts: [], holds: [], grants: [], window: [] };
export const MAX_HOLDS = 500;

export interface Leave {
  readonly by: string;
  /** Weight; what the hold asked for by default. */
  readonly count?: number;
  readonly expiry: Ms;
}

export interface Released {
  readonly hold: Hold;
  readonly grant: Grant | undefined;
}

/** Accounts, holds and grants of all causes. Time comes from outside; holds never end by it. */
export class Books {
  readonly #limits: BreakerLimits;
  readonly #accounts: Accounts;
  readonly #holds: Map<string, Hold>;
  readonly #grants: Grants;
  readonly #window: Window;
  #serial: number;

  constructor(limits: BreakerLimits, from: BooksState = EMPTY) {
    this.#limits = limits;
    this.#accounts = new Accounts(from.accounts);
    this.#holds = new Map(from.holds.map((hold) => [hold.id, hold]));
    this.#grants = new Grants(from.grants);
    this.#window = createWindow(from.window);
    this.#serial = from.serial;
  }

  /** Charges a plan to its cause, or holds it: whole, or not at all. */
  ask(asked: Ask, wall: Ms): Answer {
    const standing = this.#standing(asked.root);
    if (standing !== undefined) return { kind: 'held', hold: standing, tripped: false };
    const loss = bounded(asked.loss);
    const total = bounded(asked.total ?? 0);
    if (loss === 0 && total === 0) return { kind: 'pass', vital: false, undo: () => {} };
    const account = this.#accounts.of(asked.root.id, asked.has, wall);
    const want = Math.max(account.used + loss, total);
    const extra = Math.max(0, want - account.covered);
    return this.#charge(asked, account, { loss, want, extra }, wall);
  }

  #charge(asked: Ask, account: Account, { loss, want, extra }: Wish, wall: Ms): Answer {
    const evident = asked.evidence !== 'absent';
    const at: Standing = { ...account, evident, window: this.#window.sums(wall) };
    const over = extra === 0 ? undefined : exceeds(at, extra, this.#limits);
    const grant = over === undefined ? undefined : this.#grants.find(asked, wall);
    const drawn = Math.min(extra, grant?.left ?? 0);
    const stillOver = drawn === 0 ? over : exceeds(at, extra - drawn, this.#limits);
    if (stillOver !== undefined) return this.#trip(asked, account, want, stillOver, wall);

    const rest = extra - drawn;
    const by = { covered: extra, bare: evident ? 0 : rest, used: loss };
    this.#accounts.move(asked.root.id, account, by);
    this.#window.add(rest, !evident, wall);
    if (grant !== undefined) this.#grants.draw(grant, drawn);
    const vital = drawn > 0 || (evident && exceeds({ ...at, evident: false }, extra, this.#limits) !== undefined);
    const undo = (): void => {
      this.#accounts.giveBack(asked.root.id, by);
      this.#window.add(-rest, !evident, wall);
      if (grant !== undefined) this.#grants.draw(grant, -drawn);
    };
    return { kind: 'pass', vital, undo };
  }

  #trip(
    { controller, root, evidence, writes, sample }: Ask,
    { has }: Account,
    want: number,
    over: Over,
    wall: Ms,
  ): Answer {
    const share = has === undefined ? {} : { share: Math.min(1, want / has) };
    const hold = this.#hold({ ...over, ...share, controller, root, weight: want, evidence, writes, sample, at: wall });
    return { kind: 'held', hold, tripped: true };
  }

  #hold(made: Omit<Hold, 'id' | 'state'>): Hold {
    this.#serial += 1;
    // What cannot be remembered by its cause holds everything.
    const full = made.scope === 'cause' && this.#holds.size >= MAX_HOLDS;
    const id = `${Math.floor(made.at / 1000).toString(36)}-${this.#serial}`;
    const hold: Hold = { ...made, ...(full && { scope: 'cluster', reason: 'too-many-holds' }), id, state: 'open' };
    this.#holds.set(id, hold);
    return hold;
  }

  #standing(root: Root): Hold | undefined {
    let found: Hold | undefined;
    for (const hold of this.#holds.values()) {
      if (hold.scope === 'cluster') return hold;
      if (hold.root.id === root.id) found = hold;
    }
    return found;
  }

  /** Holds everything destructive, where history is not what it was; undefined where all of it is held already. */
  holdAll(reason: HoldReason, wall: Ms): Hold | undefined {
    if (this.#holds.values().some(({ scope }) => scope === 'cluster')) return undefined;
    const root: Root = { id: 'cluster', present: false };
    const nothing = { weight: 0, limit: 0, evidence: 'absent', writes: 0, sample: [] } as const;
    return this.#hold({ ...nothing, scope: 'cluster', reason, controller: '', root, at: wall });
  }

  /** Gives back what writes that took nothing away were charged for. */
  refund(root: string, weight: number): void {
    this.#accounts.giveBack(root, { covered: 0, bare: 0, used: weight });
  }

  /** Ends what stands for another wish of that root; returns the holds among it. */
  voided(root: string, generation: number | undefined): readonly Hold[] {
    if (generation === undefined) return [];
    this.#grants.forget(root, generation);
    const gone = [...this.#holds.values()].filter((hold) => isOf(hold, root) && differs(hold.root, generation));
    for (const { id } of gone) this.#holds.delete(id);
    return gone;
  }

  /** Ends a hold whose root is gone, and the leave for it. */
  drop(id: string): void {
    const found = this.#holds.get(id);
    this.#holds.delete(id);
    if (found !== undefined) this.#grants.forget(found.root.id);
  }

  /** Ends a hold by a person's word: what it asked for may be lost, once and not for ever. */
  release(id: string, { by, count, expiry }: Leave, wall: Ms): Released | undefined {
    const hold = this.#holds.get(id);
    if (hold === undefined) return undefined;
    this.#holds.delete(id);
    // A person has seen what the window held: it is counted anew from here.
    if (hold.scope === 'cluster') this.#window.clear();
    const { controller, root } = hold;
    const generation = root.generation === undefined ? {} : { generation: root.generation };
    const left = bounded(count ?? hold.weight);
    const grant = { hold: id, controller, root: root.id, ...generation, left, until: wall + expiry, by };
    if (left > 0) this.#grants.add(grant);
    return { hold, grant: left > 0 ? grant : undefined };
  }

  /** It stays refused, and is no alarm any more. Undefined where there is none, or it is the whole cluster's. */
  reject(id: string, by: string, said: string): Hold | undefined {
    const found = this.#holds.get(id);
    if (found === undefined || found.scope === 'cluster') return undefined;
    const rejected: Hold = { ...found, state: 'rejected', by, said };
    this.#holds.set(id, rejected);
    return rejected;
  }

  hold(id: string): Hold | undefined {
    return this.#holds.get(id);
  }

  holds(): readonly Hold[] {
    return [...this.#holds.values()];
  }

  grants(): readonly Grant[] {
    return this.#grants.list();
  }

  /** Closes what time closes; whether there was any. */
  sweep(wall: Ms): boolean {
    const accounts = this.#accounts.sweep(wall);
    return this.#grants.sweep(wall) || accounts;
  }

  state(): BooksState {
    return {
      v: 1,
      serial: this.#serial,
      accounts: this.#accounts.list(),
      holds: this.holds(),
      grants: this.grants(),
      window: this.#window.list(),
    };
  }
}

interface Wish {
  readonly loss: number;
  readonly want: number;
  readonly extra: number;
}

const isOf = ({ scope, root }: Hold, id: string): boolean => scope === 'cause' && root.id === id;
const differs = ({ generation }: Root, now: number): boolean => generation !== undefined && generation !== now;

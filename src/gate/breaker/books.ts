import type { Evidence } from '#core/plan.ts';
import type { Ms } from '#core/time.ts';
import { minutes } from '#core/time.ts';
import { type Account, Accounts, type Side, type Standing } from './accounts.ts';
import { Grants } from './grants.ts';
import { Holds } from './holds.ts';
import { exceeds, type Over, type Position } from './limits.ts';
import { bounded } from './numbers.ts';
import type { BreakerLimits, Grant, Hold, HoldReason, Root } from './port.ts';
import { createWindow, type Minute, type Window } from './window.ts';

export interface Ask {
  readonly controller: string;
  readonly root: Root;
  /** Of all that it takes away, where that is one. */
  readonly namespace?: string;
  readonly loss: number;
  /** The part of the loss that is asked for once more when it goes. */
  readonly follows?: number;
  /** What a rollout interrupts as its owner wishes it: it counts in the window, and not for the cause. */
  readonly rolled?: number;
  /** The part of that which is asked for once more when it goes. */
  readonly rolledFollows?: number;
  /** What the cause will take in all, where the planner knows. */
  readonly total?: number;
  /** What the root has, where that is known. */
  readonly has?: number;
  readonly evidence: Evidence;
  readonly writes: number;
  readonly sample: readonly string[];
  /** The root wishes something else by now: what is too much is refused, and no hold is made for a wish that is over. */
  readonly outdated?: boolean;
}

export type Answer =
  /**
   * `vital`: must be kept before the write goes on. `undo` takes it back, where it could not be kept. `side`: where it
   * was charged, and is given back.
   */
  | { readonly kind: 'pass'; readonly vital: boolean; readonly side: Wish['side']; readonly undo: () => void }
  /** `learnt`: that it waits for more than was known. */
  | { readonly kind: 'held'; readonly hold: Hold; readonly tripped: boolean; readonly learnt?: boolean }
  /** Over a limit, by a wish that is over. */
  | { readonly kind: 'outdated' }
  /** Over a limit, and there are too many holds to remember one more. */
  | { readonly kind: 'full' };

/** Everything that outlives the process. */
export interface BooksState {
  readonly v: 2;
  /** Holds made so far. */
  readonly serial: number;
  readonly accounts: readonly Account[];
  readonly holds: readonly Hold[];
  readonly grants: readonly Grant[];
  readonly window: readonly Minute[];
  /** When everything was held, and for what: the last time of each reason. */
  readonly heldAll: readonly { readonly reason: HoldReason; readonly at: Ms }[];
}

export const EMPTY: BooksState = { v: 2, serial: 0, accounts: [], holds: [], grants: [], window: [], heldAll: [] };
/** Two processes see the same history go back within so much of each other. */
const SAME_EVENT: Ms = minutes(5);

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
  readonly #holds: Holds;
  readonly #grants: Grants;
  readonly #window: Window;
  readonly #heldAll: Map<HoldReason, Ms>;
  /** Roots that an earlier leader had seen evidence for. */
  readonly #inherited: ReadonlySet<string>;

  constructor(limits: BreakerLimits, from: BooksState = EMPTY) {
    this.#limits = limits;
    this.#accounts = new Accounts(from.accounts);
    const evident = from.accounts.filter(({ tallies }) => tallies.some(({ side }) => side === 'evident'));
    this.#inherited = new Set(evident.map(({ id }) => id));
    this.#holds = new Holds(from.holds, from.serial);
    this.#grants = new Grants(from.grants);
    this.#window = createWindow(from.window);
    this.#heldAll = new Map(from.heldAll.map(({ reason, at }) => [reason, at]));
  }

  /** Charges a plan to its cause, or holds it: whole, or not at all. What weighs nothing waits for no cause. */
  ask(asked: Ask, wall: Ms): Answer {
    const loss = bounded(asked.loss);
    const total = bounded(asked.total ?? 0);
    const rolled = bounded(asked.rolled ?? 0);
    const weightless = loss === 0 && total === 0 && rolled === 0;
    const standing = this.#holds.standing(asked.root, asked.namespace, weightless);
    if (standing !== undefined) return this.#stands(standing, asked);
    if (weightless) return { kind: 'pass', vital: false, side: 'bare', undo: () => {} };
    const account = this.#accounts.of(asked.root.id, asked.has, wall);
    const side = asked.evidence === 'absent' && !this.#goesOn(asked, account) ? 'bare' : 'evident';
    const want = Math.max(account[side].used + loss, total);
    const extra = Math.max(0, want - account[side].covered);
    const interrupted = Math.max(0, account.rollout.used + rolled - account.rollout.covered);
    return this.#charge(asked, account, { side, loss, rolled, want, extra, interrupted }, wall);
  }

  #stands(standing: Hold, { root, sample }: Ask): Answer {
    const hold = this.#holds.learn(standing, root, sample);
    return { kind: 'held', hold, tripped: false, learnt: hold !== standing };
  }

  /**
   * A leader that was killed had seen the evidence, and what goes on now is what is left of what it was let take: the
   * next one has not seen the owner's end, and need not. What it took after it was last kept is not known, and may be
   * taken once more.
   */
  #goesOn({ root, loss, total = 0 }: Ask, { evident }: Standing): boolean {
    const wanted = Math.max(evident.used + bounded(loss), bounded(total));
    return this.#inherited.has(root.id) && wanted <= evident.covered;
  }

  #charge(asked: Ask, account: Standing, wish: Wish, wall: Ms): Answer {
    const { side, extra, interrupted } = wish;
    const at = this.#position(asked, account, side, wall);
    const all = extra + interrupted;
    const over = all === 0 ? undefined : exceeds(at, moreOf(wish, 0), this.#limits);
    const drawn = over === undefined ? 0 : Math.min(all, this.#grants.left(asked, wall));
    // What a person let go is theirs: only the rest of it has limits.
    const stillOver = over === undefined || drawn >= all ? undefined : exceeds(at, moreOf(wish, drawn), this.#limits);
    if (stillOver !== undefined && asked.outdated === true) return { kind: 'outdated' };
    if (stillOver !== undefined) return this.#trip(asked, account, wish, stillOver, wall);
    const undo = this.#enter(asked, wish, drawn, wall);
    const bare = { ...at, evident: false, charged: account.bare.charged };
    const byEvidence = side === 'evident' && exceeds(bare, { ...moreOf(wish, 0), bare: extra }, this.#limits);
    return { kind: 'pass', vital: drawn > 0 || (byEvidence !== false && byEvidence !== undefined), side, undo };
  }

  #position({ namespace }: Ask, account: Standing, side: Wish['side'], wall: Ms): Position {
    return {
      evident: side === 'evident',
      charged: account[side].charged,
      window: this.#window.sums(wall),
      ...(account.has !== undefined && { has: account.has }),
      ...(namespace !== undefined && { namespace: this.#window.within(namespace, wall) }),
    };
  }

  /** Writes a charge into every book; returns what takes it out again. */
  #enter(asked: Ask, wish: Wish, drawn: number, wall: Ms): () => void {
    const { root, has, namespace } = asked;
    const { side, loss, rolled, extra, interrupted } = wish;
    const more = moreOf(wish, drawn);
    const used = Math.max(0, loss - bounded(asked.follows ?? 0));
    const own = { covered: extra, charged: more.cause, used };
    const goes = Math.max(0, rolled - bounded(asked.rolledFollows ?? 0));
    const rollout = { covered: interrupted, charged: more.all - more.cause, used: goes };
    if (loss > 0 || extra > 0) this.#accounts.add(root.id, side, { ...own, has }, wall);
    if (rolled > 0) this.#accounts.add(root.id, 'rollout', { ...rollout, has }, wall);
    if (more.all > 0) this.#window.add(more, namespace, wall);
    const giveBack = this.#grants.draw(asked, drawn, wall);
    return () => {
      this.#accounts.undo(root.id, side, own, wall);
      this.#accounts.undo(root.id, 'rollout', rollout, wall);
      if (more.all > 0) this.#window.add({ bare: -more.bare, all: -more.all }, namespace, wall);
      giveBack();
    };
  }

  #trip(asked: Ask, { has }: Standing, wish: Wish, over: Over, wall: Ms): Answer {
    const { controller, root, namespace, evidence, writes, sample } = asked;
    const weight = wish.want + wish.interrupted;
    const share = has === undefined ? {} : { share: Math.min(1, weight / has) };
    const within = namespace === undefined ? {} : { namespace };
    const of = { controller, root, ...within, weight, evidence, writes, sample, at: wall };
    const hold = this.#holds.make({ ...over, ...share, ...of });
    return hold === undefined ? { kind: 'full' } : { kind: 'held', hold, tripped: true };
  }

  /**
   * Holds everything destructive, where history is not what it was. Undefined where all of it is held for that already,
   * or was since `seen`: a follower's late word of what the leader of that time had held.
   */
  holdAll(reason: HoldReason, wall: Ms, seen?: Ms): Hold | undefined {
    if (this.#holds.holdsAllFor(reason)) return undefined;
    const last = this.#heldAll.get(reason);
    if (seen !== undefined && last !== undefined && last >= seen - SAME_EVENT) return undefined;
    this.#heldAll.set(reason, wall);
    const root: Root = { id: 'cluster', present: false };
    const nothing = { weight: 0, limit: 0, evidence: 'absent', writes: 0, sample: [] } as const;
    return this.#holds.make({ ...nothing, scope: 'cluster', reason, controller: '', root, at: wall });
  }

  /** Gives back what writes that took nothing away were charged for. */
  refund(root: string, side: Side, weight: number): void {
    this.#accounts.unuse(root, side, weight);
  }

  /** Ends what stands for another wish of that root; returns the holds among it. */
  voided(root: string, generation: number | undefined): readonly Hold[] {
    if (generation === undefined) return [];
    this.#grants.forget(root, generation);
    return this.#holds.voided(root, generation);
  }

  /** Ends a hold whose root is gone, and the leave for it. */
  drop(id: string): void {
    const found = this.#holds.get(id);
    this.#holds.end(id);
    if (found !== undefined) this.#grants.forget(found.root.id);
  }

  /** Ends a hold by a person's word: what it asked for may be lost, once and not for ever. */
  release(id: string, { by, count, expiry }: Leave, wall: Ms): Released | undefined {
    const hold = this.#holds.get(id);
    if (hold === undefined) return undefined;
    this.#holds.end(id);
    // A person has seen what the window held: it is counted anew from here.
    if (hold.scope === 'cluster') this.#window.clear();
    if (hold.scope === 'namespace') this.#window.clear(hold.namespace);
    const { controller, root } = hold;
    const generation = root.generation === undefined ? {} : { generation: root.generation };
    const left = bounded(Math.max(count ?? 0, hold.weight));
    const grant = { hold: id, controller, root: root.id, ...generation, left, until: wall + expiry, by };
    if (left > 0) this.#grants.add(grant);
    return { hold, grant: left > 0 ? grant : undefined };
  }

  /** It stays refused, and is no alarm any more. Undefined where there is none, or `rejectable` says that it cannot be. */
  reject(id: string, by: string, said: string): Hold | undefined {
    const found = this.#holds.get(id);
    if (found === undefined || !rejectable(found)) return undefined;
    const rejected: Hold = { ...found, state: 'rejected', by, said };
    this.#holds.put(rejected);
    return rejected;
  }

  /** Whether something wider than a cause answers for what lies in that namespace. */
  isUnderWider(namespace: string | undefined): boolean {
    return this.#holds.isUnderWider(namespace);
  }

  hold(id: string): Hold | undefined {
    return this.#holds.get(id);
  }

  holds(): readonly Hold[] {
    return this.#holds.list();
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
      v: 2,
      serial: this.#holds.serial,
      accounts: this.#accounts.list(),
      holds: this.holds(),
      grants: this.grants(),
      window: this.#window.list(),
      heldAll: [...this.#heldAll].map(([reason, at]) => ({ reason, at })),
    };
  }
}

/** What is refused "until its owner changes" needs an owner: what is wider, or has none, would be refused for ever. */
export function rejectable({ scope, root }: Hold): boolean {
  return scope === 'cause' && root.ref !== undefined;
}

interface Wish {
  readonly side: 'bare' | 'evident';
  readonly loss: number;
  readonly rolled: number;
  /** What its cause will have taken in all on its side. */
  readonly want: number;
  /** What it has no room for yet: on its side, and for rollouts. */
  readonly extra: number;
  readonly interrupted: number;
}

/** What is left to be charged once so much of it is drawn from a grant. */
function moreOf({ side, extra, interrupted }: Wish, drawn: number): { cause: number; bare: number; all: number } {
  const cause = Math.max(0, extra - drawn);
  const rollout = Math.max(0, interrupted - Math.max(0, drawn - extra));
  return { cause, bare: rollout + (side === 'bare' ? cause : 0), all: cause + rollout };
}

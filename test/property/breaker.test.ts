import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Answer, type Ask, Books } from '#gate/breaker/books.ts';
import { bounded } from '#gate/breaker/numbers.ts';
import type { BreakerLimits } from '#gate/breaker/port.ts';
import { parseState, renderState } from '#gate/breaker/state.ts';

const LIMITS: BreakerLimits = {
  weightPerCause: 10,
  shareOfCause: 0.5,
  mostPerCause: 100,
  weightPerCauseWithEvidence: 200,
  weightPerWindow: 300,
  weightPerWindowInAll: 600,
};

type Step =
  | {
      readonly do: 'ask';
      readonly root: number;
      readonly loss: number;
      readonly evident: boolean;
      readonly total?: number;
    }
  | { readonly do: 'release' | 'reject'; readonly at: number }
  | { readonly do: 'change'; readonly root: number }
  | { readonly do: 'fail'; readonly root: number; readonly loss: number; readonly evident: boolean }
  | { readonly do: 'wait'; readonly by: number };

const ROOTS = 4;
const root = fc.integer({ min: 0, max: ROOTS - 1 });
const loss = fc.oneof(
  fc.integer({ min: 0, max: 60 }),
  fc.constantFrom(0.2, 500, Number.NaN, -3, Number.POSITIVE_INFINITY),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('ask' as const), root, loss, evident: fc.boolean() }), weight: 6 },
  fc.record({ do: fc.constantFrom('release' as const, 'reject' as const), at: fc.nat(5) }),
  fc.record({ do: fc.constant('change' as const), root }),
  fc.record({ do: fc.constant('fail' as const), root, loss: fc.integer({ min: 0, max: 30 }), evident: fc.boolean() }),
  fc.record({ do: fc.constant('wait' as const), by: fc.integer({ min: 0, max: 700_000 }) }),
);

/** A run of steps; `between` may exchange the books for what a restart would find. */
const wordOf = (answer: Answer): string => {
  if (answer.kind === 'pass') return `pass ${answer.vital}`;
  return answer.kind === 'held' ? `held ${answer.hold.id} ${answer.tripped}` : 'full';
};

class World {
  books = new Books(LIMITS);
  readonly said: string[] = [];
  readonly passed: {
    readonly root: number;
    readonly weight: number;
    readonly evident: boolean;
    readonly wall: number;
  }[] = [];
  readonly granted: number[] = [];
  readonly generations: number[] = Array(ROOTS).fill(1);
  wall = 0;

  /** Accounts of one size stand in any order. */
  state() {
    const state = this.books.state();
    return { ...state, accounts: state.accounts.toSorted((a, b) => Number(a.id) - Number(b.id)) };
  }

  /** What another process finds: the state as it is kept. */
  restart(): void {
    const state = parseState(renderState(this.books.state()));
    expect(state).toEqual(this.books.state());
    this.books = new Books(LIMITS, state);
  }

  run(one: Step): void {
    switch (one.do) {
      case 'ask':
        this.#ask(one);
        return;
      case 'fail':
        this.books.refund(String(one.root), one.evident ? 'evident' : 'bare', one.loss);
        return;
      case 'wait':
        this.wall += one.by;
        this.books.sweep(this.wall);
        return;
      case 'change': {
        const generation = (this.generations[one.root] ?? 0) + 1;
        this.generations[one.root] = generation;
        this.said.push(`void ${this.books.voided(String(one.root), generation).length}`);
        return;
      }
      default: {
        const hold = this.books.holds()[one.at];
        if (hold === undefined) return;
        if (one.do === 'reject') this.said.push(`reject ${this.books.reject(hold.id, 'p', 'r')?.id}`);
        else {
          const released = this.books.release(hold.id, { by: 'p', expiry: 300_000 }, this.wall);
          this.granted.push(released?.grant?.left ?? 0);
        }
      }
    }
  }

  ask({ root: at, loss: weight, evident }: Extract<Step, { do: 'ask' }>): Ask {
    const evidence = evident ? 'owner-terminating' : 'absent';
    const wish = { id: String(at), generation: this.generations[at] ?? 1, present: true };
    return { controller: 'c', root: wish, loss: weight, evidence, writes: 1, sample: [] };
  }

  #ask(one: Extract<Step, { do: 'ask' }>): void {
    const answer = this.books.ask(this.ask(one), this.wall);
    this.said.push(wordOf(answer));
    if (answer.kind === 'pass') this.passed.push({ ...one, weight: bounded(one.loss), wall: this.wall });
  }
}

const steps = fc.array(step, { maxLength: 60 });

test('without a person nothing exceeds a limit, in any ten minutes', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      for (const one of all) if (one.do === 'ask' || one.do === 'change' || one.do === 'wait') world.run(one);
      for (const { wall } of world.passed) {
        const near = world.passed.filter((one) => one.wall >= wall && one.wall <= wall + 540_000);
        const sum = (some: typeof near): number => some.reduce((all, { weight }) => all + weight, 0);
        expect(sum(near)).toBeLessThanOrEqual(LIMITS.weightPerWindowInAll);
        expect(sum(near.filter(({ evident }) => !evident))).toBeLessThanOrEqual(LIMITS.weightPerWindow);
        for (let at = 0; at < ROOTS; at++) {
          const own = near.filter((one) => one.root === at);
          expect(sum(own.filter(({ evident }) => !evident))).toBeLessThanOrEqual(LIMITS.weightPerCause);
          expect(sum(own.filter(({ evident }) => evident))).toBeLessThanOrEqual(LIMITS.weightPerCauseWithEvidence);
        }
      }
    }),
  );
});

test('a person can add what they granted, and no more', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      for (const one of all) if (one.do !== 'wait' && one.do !== 'fail') world.run(one);
      const lost = world.passed.reduce((sum, { weight }) => sum + weight, 0);
      const granted = world.granted.reduce((sum, one) => sum + one, 0);
      const windows = world.granted.length + 1;
      expect(lost).toBeLessThanOrEqual(windows * LIMITS.weightPerWindowInAll + granted);
    }),
  );
});

test('a hold is latched: nothing of its root passes before a person or its owner says so', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World();
      for (const one of all) {
        const before = world.books.holds();
        world.run(one);
        if (one.do !== 'ask') continue;
        const standing = before.some(({ scope, root: { id } }) => scope === 'cluster' || id === String(one.root));
        if (standing && bounded(one.loss) > 0) expect(world.said.at(-1)).toMatch(/^held .* false$/);
      }
    }),
  );
});

test('void on another generation, for every root and state', () => {
  fc.assert(
    fc.property(steps, root, (all, at) => {
      const world = new World();
      for (const one of all) world.run(one);
      world.run({ do: 'change', root: at });
      const left = world.books.holds().filter(({ scope, root: { id } }) => scope === 'cause' && id === String(at));
      expect(left).toEqual([]);
      expect(world.books.grants().filter((grant) => grant.root === String(at))).toEqual([]);
    }),
  );
});

/** A root is asked for with evidence, or without: what was seen before a restart is what inherited.test.ts is about. */
const ofOneKind = (one: Step): Step =>
  one.do === 'ask' || one.do === 'fail' ? { ...one, evident: one.root % 2 === 0 } : one;

test('I18: a restart at any time changes nothing', () => {
  fc.assert(
    fc.property(steps, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (drawn, restarts) => {
      const all = drawn.map(ofOneKind);
      const once = new World();
      const often = new World();
      for (const [at, one] of all.entries()) {
        once.run(one);
        if (restarts[at]) often.restart();
        often.run(one);
      }
      expect(often.said).toEqual(once.said);
      expect(often.state()).toEqual(once.state());
    }),
  );
});

/** All within ten minutes: later what was covered is forgotten before what was taken in it, which is then charged anew. */
const shortly = (one: Step): Step => (one.do === 'wait' ? { ...one, by: one.by % 9_000 } : one);

test('I18: what a restart lets go without evidence was covered with it before', () => {
  fc.assert(
    fc.property(steps, fc.nat(60), (drawn, when) => {
      const all = drawn.map(shortly);
      const world = new World();
      for (const one of all.slice(0, when)) world.run(one);
      const before = world.books.state();
      world.restart();
      expect(world.books.state()).toEqual(before);
      for (const one of all.slice(when)) world.run(one);
      for (const { id, tallies } of world.books.state().accounts) {
        const evident = tallies.filter(({ side }) => side === 'evident');
        const sum = (part: 'used' | 'covered') => evident.reduce((total, tally) => total + tally[part], 0);
        expect({ id, over: sum('used') > sum('covered') + 1e-6 }).toEqual({ id, over: false });
      }
    }),
  );
});

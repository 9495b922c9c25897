import { describe, expect, test } from 'vitest';
import type { Barrier, Cache, Listener } from '#cache/port.ts';
import { allow, type Controller, defineController, type Input } from '#core/controller.ts';
import { nothing, type Outcome, type Plan } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { View } from '#core/view.ts';
import type { Executed } from '#gate/work.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { NO_READS } from '#kit/tracked.ts';
import { resourceOf, viewOf } from '#kit/view.ts';
import type { RunnerParts } from './ports.ts';
import { startRunner } from './runner.ts';

const pod = (name: string, more: object = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'a', name, uid: `u-${name}`, ...more },
});

/** A runner over a cache and a gate that the test plays. */
function bench(
  controller: Controller,
  objects: ApiObject[] = [],
  execute: (plan: Plan) => Partial<Executed> = () => ({}),
) {
  const listeners = new Map<Resource, Set<Listener>>();
  const clock = fakeClock();
  const emitted: string[] = [];
  const executed: Plan[] = [];
  const cache = {
    // Live, as the real one is.
    view: (listed: readonly Resource[]): View<Resource> => ({
      get: (resource, at) => viewOf(objects, listed).get(resource, at),
      list: (resource, namespace) => viewOf(objects, listed).list(resource, namespace),
      controlledBy: (resource, uid) => viewOf(objects, listed).controlledBy(resource, uid),
      orphans: (resource, namespace) => viewOf(objects, listed).orphans(resource, namespace),
    }),
    subscribe: (resource: Resource, listener: Listener) => {
      const set = listeners.get(resource) ?? new Set();
      listeners.set(resource, set.add(listener));
      return () => set.delete(listener);
    },
  } as unknown as Cache;
  const parts: RunnerParts = {
    ...recordingTelemetry(),
    cache,
    clock,
    gate: {
      async execute(_work, plan) {
        if (plan.chains.length > 0) executed.push(plan);
        return { outcomes: [], barriers: [], ...execute(plan) };
      },
      busy: () => 0,
      close: () => {},
    },
    events: {
      emit: (_work, events) => void emitted.push(...events.map(({ message }) => message)),
      drained: async () => {},
      close: () => {},
    },
    settings: { endpointUpdatesBatchPeriod: 50 },
    readsFor: () => NO_READS,
    seed: () => '0'.repeat(64),
    writeTimeout: 1000,
    workers: new Map(),
  };
  const runner = startRunner(controller, parts);
  const change = (old: ApiObject | undefined, now: ApiObject | undefined): void => {
    const at = objects.findIndex(({ metadata }) => metadata?.uid === (now ?? old)?.metadata?.uid);
    if (at >= 0) objects.splice(at, 1);
    if (now !== undefined) objects.push(now);
    for (const listener of listeners.get(resourceOf((now ?? old) as ApiObject)) ?? []) listener(old, now);
  };
  return { runner, clock, change, emitted, executed, listeners, parts, settled: () => settle(runner) };
}

/** Lets every promise of the runs under way come to its end; nothing here waits for time. */
async function settle(runner: { idle(): boolean }): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (!runner.idle()) for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

interface Wishes {
  readonly loops: Controller['loops'];
  readonly derive?: Controller['derive'];
}
const controllerOf = ({ loops, derive }: Wishes): Controller =>
  ({
    ...defineController({
      name: 'probe',
      upstreamRole: 'none',
      does: 'Probes.',
      events: true,
      rbac: [allow('core/pods', 'list', 'watch', 'delete'), allow('core/nodes', 'list', 'watch')],
      loops: [{ queue: 'x', key: 'core/pods', workers: 1, reconcile: () => nothing('x') }],
    }),
    loops,
    ...(derive !== undefined && { derive }),
  }) as Controller;
const loop = (more: Partial<Controller['loops'][number]>): Controller['loops'][number] => ({
  queue: 'probe',
  key: 'core/pods',
  on: {},
  workers: 2,
  backoff: { base: 5, max: 1000 },
  reconcile: () => nothing('nothing'),
  ...more,
});

/** Writes down what a run saw. */
function noted<T>(list: T[], value: T, reason: string): Plan {
  list.push(value);
  return nothing(reason);
}

describe('waking', () => {
  test('every object runs once at the start, and again on each of its transitions', async () => {
    const seen: string[] = [];
    const { change, settled } = bench(
      controllerOf({
        loops: [loop({ reconcile: ({ key, object }) => noted(seen, `${key}:${object !== undefined}`, 'seen') })],
      }),
      [pod('x'), pod('constructor')],
    );
    await settled();
    expect(seen).toEqual(['a/x:true', 'a/constructor:true']);
    change(pod('x'), undefined);
    await settled();
    expect(seen.at(-1)).toBe('a/x:false');
  });

  test('mappers see the transition and the settings, and may wake keys later', async () => {
    const seen: string[] = [];
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'n' } };
    const probe = loop({
      on: {
        'core/nodes': (old, now, _view, { endpointUpdatesBatchPeriod: after = 0 }) =>
          old === undefined ? [{ key: 'a/by-add' }] : now === undefined ? [{ key: 'a/by-delete', after }] : [],
      },
      reconcile: ({ key }) => noted(seen, key, 'seen'),
    });
    const { change, clock, settled } = bench(controllerOf({ loops: [probe] }));
    change(undefined, node);
    await settled();
    change(node, undefined);
    await settled();
    expect(seen).toEqual(['a/by-add']);
    clock.advance(50);
    await settled();
    expect(seen).toEqual(['a/by-add', 'a/by-delete']);
  });

  test('a singleton runs at the start and by its interval; a string loop by what exists', async () => {
    const seen: string[] = [];
    const single = loop({
      queue: 'single',
      key: 'singleton',
      every: 1000,
      reconcile: ({ key }) => noted(seen, key, 'seen'),
    });
    const named = loop({
      queue: 'named',
      key: 'string',
      on: { 'core/pods': (_old, now) => [{ key: `volume-of-${now?.metadata?.name}` }] },
      reconcile: ({ key }) => noted(seen, key, 'seen'),
    });
    const { clock, settled } = bench(controllerOf({ loops: [single, named] }), [pod('x')]);
    await settled();
    expect(seen.sort()).toEqual(['singleton', 'volume-of-x']);
    clock.advance(1000);
    await settled();
    expect(seen.filter((key) => key === 'singleton')).toHaveLength(2);
  });

  test('plans wake themselves, later, or another loop', async () => {
    const seen: string[] = [];
    let first = true;
    const one = loop({
      queue: 'one',
      reconcile: ({ key }) => {
        seen.push(`one ${key}`);
        if (!first) return nothing('done');
        first = false;
        return nothing('more', { next: 'again', requeueAfter: 500, enqueue: [{ loop: 'two', key: 'z' }] });
      },
    });
    const two = loop({
      queue: 'two',
      key: 'string',
      reconcile: ({ key }) => noted(seen, `two ${key}`, 'seen'),
    });
    const { clock, settled } = bench(controllerOf({ loops: [one, two] }), [pod('x')]);
    await settled();
    expect(seen.sort()).toEqual(['one a/x', 'one a/x', 'two z']);
    clock.advance(500);
    await settled();
    expect(seen.filter((line) => line === 'one a/x')).toHaveLength(3);
  });

  test('what waits for a time looks at it at once when the clock was set, and waits on by what it finds', async () => {
    const at: number[] = [];
    const waits = loop({
      reconcile: ({ now }) => {
        at.push(now.mono);
        return nothing('early', { requeueAfter: 3_600_000 });
      },
    });
    const { runner, clock, settled } = bench(controllerOf({ loops: [waits] }), [pod('x')]);
    await settled();
    clock.advance(1000);
    runner.hasten();
    await settled();
    expect(at).toEqual([0, 1000]);
    // The wait from before is gone: one of an hour has begun.
    clock.advance(3_599_000);
    await settled();
    expect(at).toEqual([0, 1000]);
    clock.advance(1000);
    await settled();
    expect(at).toEqual([0, 1000, 3_601_000]);
    expect(runner.idle()).toBe(true);
  });

  test('a key that could not be decided on runs after its back-off, which grows until it is', async () => {
    const at: number[] = [];
    const waits = loop({
      backoff: { base: 100, max: 10_000 },
      reconcile: ({ now }) => {
        at.push(now.mono);
        return nothing('unread', { next: 'backoff' });
      },
    });
    const { clock, settled } = bench(controllerOf({ loops: [waits] }), [pod('x')]);
    for (let step = 0; step < 8; step++) {
      await settled();
      clock.advance(100);
    }
    expect(at).toEqual([0, 100, 300, 700]);
  });
});

describe('state', () => {
  test('memory goes from run to run, settle may change it, null forgets it', async () => {
    const seen: unknown[] = [];
    const steps: Plan[] = [
      nothing('set', { memory: { n: 1 } }),
      nothing('keep'),
      nothing('forget', { memory: null }),
      nothing('empty'),
    ];
    const probe = loop({
      reconcile: ({ memory }) => {
        seen.push(memory);
        return steps[seen.length - 1] ?? nothing('end');
      },
      settle: (_input, _outcomes, plan) => nothing('settled', plan.reason === 'keep' ? { memory: { n: 2 } } : {}),
    });
    const { runner, settled } = bench(controllerOf({ loops: [probe] }), [pod('x')]);
    for (let run = 0; run < 4; run++) {
      await settled();
      runner.wake('probe', 'a/x');
    }
    expect(seen.slice(0, 4)).toEqual([undefined, { n: 1 }, { n: 2 }, undefined]);
  });

  test('I5: what a controller gets is frozen, and what it returns is', async () => {
    let input: Input<Resource, ApiObject> | undefined;
    const wish = {
      ...nothing('wish'),
      chains: [
        [
          {
            verb: 'delete',
            reason: 'r',
            ref: { resource: 'core/pods', namespace: 'a', name: 'x', uid: 'u-x' },
            before: {},
          },
        ],
      ],
    } as Plan;
    const { executed, settled } = bench(
      controllerOf({
        loops: [
          loop({
            reconcile: (given) => {
              input = given;
              return wish;
            },
          }),
        ],
      }),
      [pod('x')],
    );
    await settled();
    expect([
      Object.isFrozen(input),
      Object.isFrozen(input?.now),
      Object.isFrozen(executed[0]),
      Object.isFrozen(executed[0]?.chains[0]?.[0]),
    ]).toEqual([true, true, true, true]);
  });

  describe('derived state', () => {
    interface Counter {
      count: number;
      learnt: unknown[];
    }
    const derive: Controller['derive'] = {
      initial: (): Counter => ({ count: 0, learnt: [] }),
      fold: (state, _resource, old, now) => {
        if (now?.metadata?.name === 'bad') throw new Error('a bug');
        (state as Counter).count += now === undefined ? -1 : old === undefined ? 1 : 0;
        return now?.metadata?.name === 'z' ? [{ key: 'a/told' }] : [];
      },
      learn: (state, learnt) => {
        (state as Counter).learnt.push(learnt);
        return [{ loop: 'probe', key: 'a/learnt' }];
      },
    };
    const look = (seen: unknown[], more: (key: string) => Partial<Plan> = () => ({})) =>
      loop({
        reconcile: ({ key, derived }) => {
          const { count, learnt } = derived as Counter;
          return { ...noted(seen, [key, count, learnt.length], 'seen'), ...more(key) };
        },
      });

    test('folds what exists and every transition, for reconcile to read, and wakes what the folds return', async () => {
      const seen: unknown[] = [];
      const { change, settled } = bench(controllerOf({ derive, loops: [look(seen)] }), [pod('x'), pod('y')]);
      await settled();
      change(undefined, pod('z'));
      await settled();
      expect(seen).toEqual([
        ['a/x', 2, 0],
        ['a/y', 2, 0],
        ['a/told', 3, 0],
        ['a/z', 3, 0],
      ]);
    });

    test('learns what a plan tells, and wakes for it', async () => {
      const seen: unknown[] = [];
      const more = (key: string) => (key === 'a/x' ? { learnt: ['absent'] } : {});
      await bench(controllerOf({ derive, loops: [look(seen, more)] }), [pod('x')]).settled();
      expect(seen).toEqual([
        ['a/x', 1, 0],
        ['a/learnt', 1, 1],
      ]);
    });

    test('I15: a fold that throws on one object goes on with the others', async () => {
      const seen: unknown[] = [];
      const { settled } = bench(controllerOf({ derive, loops: [look(seen)] }), [pod('bad'), pod('y')]);
      await settled();
      expect(seen).toContainEqual(['a/y', 1, 0]);
    });
  });

  test('gather reads first, and the view is taken after it', async () => {
    const objects = [pod('x')];
    const seen: unknown[] = [];
    const probe = loop({
      gather: async (_input, reads) => {
        objects[0] = pod('x', { labels: { late: 'yes' } });
        return reads.get('core/nodes', { name: 'n' });
      },
      reconcile: ({ facts, object }) => noted(seen, [facts, object?.metadata?.labels], 'seen'),
    });
    await bench(controllerOf({ loops: [probe] }), objects).settled();
    expect(seen).toEqual([[{ ok: false, status: 404, reason: 'NotFound' }, { late: 'yes' }]]);
  });
});

describe('after the writes', () => {
  const failing = (code: string, more: object = {}): Partial<Executed> => ({
    outcomes: [[{ kind: 'failed', code, write: {}, ...more } as unknown as Outcome]],
  });

  test.each([
    ['backs off', failing('API_REFUSED'), 4, 5],
    ['waits as long as it was told', failing('API_THROTTLED', { retryAfter: 300 }), 299, 300],
    ['waits a second for a fresh lease', failing('GATE_FENCED'), 999, 1000],
  ] as const)('a key %s', async (_, result, early, due) => {
    let runs = 0;
    const { clock, settled } = bench(
      controllerOf({
        loops: [
          loop({
            reconcile: () => {
              runs++;
              return nothing('run');
            },
          }),
        ],
      }),
      [pod('x')],
      () => (runs === 1 ? result : {}),
    );
    await settled();
    clock.advance(early);
    await settled();
    expect(runs).toBe(1);
    clock.advance(due - early);
    await settled();
    expect(runs).toBe(2);
  });

  test('a key of which one write waits for long and another is told to wait a little runs after that', async () => {
    const runs: number[] = [];
    const reconcile = () => noted(runs, clock.now().mono, 'run');
    const outcomes = [
      { kind: 'failed', code: 'API_REFUSED', write: {} },
      { kind: 'failed', code: 'API_THROTTLED', write: {}, retryAfter: 300 },
    ] as unknown as Outcome[];
    const slow = loop({ backoff: { base: 60_000, max: 60_000 }, reconcile });
    const { clock, settled } = bench(controllerOf({ loops: [slow] }), [pod('x')], () =>
      runs.length === 1 ? { outcomes: [outcomes] } : {},
    );
    await settled();
    clock.advance(300);
    await settled();
    expect(runs).toEqual([0, 300]);
  });

  test('a key that was fenced for long runs a second after the last time, and its back-off has not grown', async () => {
    let runs = 0;
    const reconcile = () => {
      runs++;
      return nothing('run');
    };
    const results = (): Partial<Executed> => (runs === 21 ? failing('API_REFUSED') : failing('GATE_FENCED'));
    const { clock, settled } = bench(controllerOf({ loops: [loop({ reconcile })] }), [pod('x')], results);
    await settled();
    for (let second = 1; second <= 20; second++) {
      clock.advance(999);
      await settled();
      expect(runs).toBe(second);
      clock.advance(1);
      await settled();
      expect(runs).toBe(second + 1);
    }
    clock.advance(5);
    await settled();
    expect(runs).toBe(22);
  });

  test.each(['GATE_POLICY_DENIED', 'GATE_HELD'] as const)(
    'I11: a refusal of class never does not bring the key back: %s',
    async (code) => {
      let runs = 0;
      const { clock, settled } = bench(
        controllerOf({
          loops: [
            loop({
              reconcile: () => {
                runs++;
                return nothing('run');
              },
            }),
          ],
        }),
        [pod('x')],
        () => failing(code),
      );
      await settled();
      clock.advance(10_000_000);
      await settled();
      expect(runs).toBe(1);
    },
  );

  test('I8: a key rests behind its barrier, another goes on, and it runs when the barrier is reached', async () => {
    const runs: string[] = [];
    let release = (): void => {};
    const barrier: Barrier = {
      resource: 'core/pods',
      reached: () => false,
      whenReached: (callback) => {
        release = callback;
        return () => {};
      },
    };
    const { change, settled } = bench(
      controllerOf({ loops: [loop({ reconcile: ({ key }) => noted(runs, key, key) })] }),
      [pod('x'), pod('y')],
      (plan) =>
        plan.reason === 'a/x' && runs.filter((key) => key === 'a/x').length === 1 ? { barriers: [barrier] } : {},
    );
    await settled();
    change(pod('x'), pod('x'));
    change(pod('y'), pod('y'));
    await settled();
    expect(runs).toEqual(['a/x', 'a/y', 'a/y']);
    release();
    await settled();
    expect(runs).toEqual(['a/x', 'a/y', 'a/y', 'a/x']);
  });

  test('I15: keys that take long hold up their own namespace only', async () => {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const elsewhere = (name: string): ApiObject => ({
      ...pod(name),
      metadata: { ...pod(name).metadata, namespace: 'b' },
    });
    const slow = loop({
      reconcile: () => nothing('x'),
      gather: async ({ key }) => {
        begun.push(key);
        if (key.startsWith('a/')) await new Promise<void>((resolve) => ends.push(resolve));
      },
    });
    const objects = [pod('v'), pod('w'), pod('x'), elsewhere('y'), elsewhere('z')];
    const { settled } = bench(controllerOf({ loops: [slow] }), objects);
    await settled();
    expect(begun).toEqual(['a/v', 'b/y', 'a/w', 'b/z']);
    for (const end of ends.splice(0)) end();
    await settled();
    expect(begun.at(-1)).toBe('a/x');
    for (const end of ends) end();
    await settled();
  });

  test('I15: thousands of runs that have nothing to do let the event loop have its turns', async () => {
    const runs: string[] = [];
    const flood = Array.from({ length: 250 }, (_, nth) => pod(`p${nth}`));
    const { clock, settled } = bench(
      controllerOf({ loops: [loop({ reconcile: ({ key }) => noted(runs, key, 'nothing') })] }),
      flood,
    );
    const counts: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      for (let more = 0; more < 10; more++) await settled();
      counts.push(runs.length);
      clock.advance(0);
    }
    expect(counts[0]).toBe(100);
    expect(counts[1]).toBeLessThan(210);
    expect(counts[2]).toBe(250);
  });

  test('I15: runs that take long let the event loop have its turn after each', async () => {
    const turnOfRun: number[] = [];
    let turns = 0;
    let slow = 0;
    const heavy = loop({
      workers: 5,
      reconcile: () => {
        slow += 1000;
        return noted(turnOfRun, turns, 'nothing');
      },
    });
    const { clock, settled, change } = bench(controllerOf({ loops: [heavy] }), []);
    // Time goes by in a run, and no timer is due before the event loop has its turn.
    const { now, after } = clock;
    const counted: typeof after = (delay, callback) =>
      after(delay, () => {
        turns += 1;
        callback();
      });
    Object.assign(clock, { now: () => ({ ...now(), mono: now().mono + slow }), after: counted });
    for (let nth = 0; nth < 5; nth++) change(undefined, pod(`p${nth}`));
    await settled();
    clock.advance(0);
    await settled();
    expect(turnOfRun).toEqual([0, 1, 2, 3, 4]);
  });

  test('events of plan and settlement are emitted after the writes', async () => {
    const event = (message: string) => ({
      regarding: { resource: 'core/pods' as const, name: 'x' },
      type: 'Normal' as const,
      reason: 'R',
      message,
    });
    const probe = loop({
      reconcile: () => nothing('run', { events: [event('planned')] }),
      settle: () => nothing('settled', { events: [event('settled')] }),
    });
    const { emitted, settled } = bench(controllerOf({ loops: [probe] }), [pod('x')]);
    await settled();
    expect(emitted).toEqual(['planned', 'settled']);
  });

  test('I15: a controller that throws on one object goes on with the others, and tries that one again', async () => {
    const runs: string[] = [];
    const probe = loop({
      reconcile: ({ key }) => {
        runs.push(key);
        if (key === 'a/bad') throw new Error('a bug');
        return nothing('fine');
      },
    });
    const { clock, settled, parts } = bench(controllerOf({ loops: [probe] }), [pod('bad'), pod('good')]);
    await settled();
    expect(runs).toEqual(['a/bad', 'a/good']);
    expect(
      (parts as unknown as { lines: { level: string }[] }).lines.filter(({ level }) => level === 'error'),
    ).toHaveLength(1);
    clock.advance(5);
    await settled();
    expect(runs).toEqual(['a/bad', 'a/good', 'a/bad']);
  });
});

describe('stopping', () => {
  test('takes no further key, waits for the one under way, and hears nothing any more', async () => {
    const runs: string[] = [];
    let finish = (): void => {};
    const probe = loop({
      workers: 1,
      gather: () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      reconcile: ({ key }) => noted(runs, key, 'run'),
    });
    const { runner, change, settled, listeners } = bench(controllerOf({ loops: [probe] }), [pod('x'), pod('y')]);
    await settled();
    let stopped = false;
    const stopping = runner.stop().then(() => {
      stopped = true;
    });
    await settled();
    expect(stopped).toBe(false);
    finish();
    await stopping;
    change(undefined, pod('z'));
    await settled();
    expect(runs).toEqual(['a/x']);
    expect([...listeners.values()].every((set) => set.size === 0)).toBe(true);
  });
});

describe('what must not get lost', () => {
  const thrown = (): never => {
    throw new Error('bug');
  };

  test('I8: the barriers of a plan hold its key, also when settling it throws', async () => {
    const runs: string[] = [];
    let release = (): void => {};
    const barrier: Barrier = {
      resource: 'core/pods',
      reached: () => false,
      whenReached: (callback) => {
        release = callback;
        return () => {};
      },
    };
    const { clock, change, settled } = bench(
      controllerOf({
        loops: [
          loop({
            reconcile: ({ key }) => noted(runs, key, 'planned'),
            settle: () => (runs.length === 1 ? thrown() : nothing('settled')),
          }),
        ],
      }),
      [pod('x')],
      (plan) => (plan.reason === 'planned' && runs.length === 1 ? { barriers: [barrier] } : {}),
    );
    await settled();
    change(pod('x'), pod('x'));
    clock.advance(100_000);
    await settled();
    expect(runs).toEqual(['a/x']);
    release();
    await settled();
    expect(runs).toEqual(['a/x', 'a/x']);
  });

  test('a mapper that throws on one object is logged, and the scan of the others goes on', async () => {
    const seen: string[] = [];
    const probe = loop({
      key: 'string',
      on: {
        'core/pods': (_old, now) => (now?.metadata?.name === 'bad' ? thrown() : [{ key: now?.metadata?.name ?? '' }]),
      },
      reconcile: ({ key }) => noted(seen, key, 'seen'),
    });
    const { settled, change, parts } = bench(controllerOf({ loops: [probe] }), [pod('bad'), pod('good')]);
    await settled();
    expect(seen).toEqual(['good']);
    change(undefined, pod('bad'));
    change(undefined, pod('later'));
    await settled();
    expect(seen).toEqual(['good', 'later']);
    expect(JSON.stringify((parts as unknown as { lines: unknown }).lines)).toContain('mapping threw');
  });

  test('a key whose object is gone is forgotten when nothing is written or said of it any more', async () => {
    const seen: unknown[] = [];
    let over = false;
    const probe = loop({
      reconcile: ({ object, memory }) => {
        seen.push(memory);
        if (object !== undefined) return nothing('there', { memory: 'kept' });
        return over ? nothing('gone') : nothing('gone', { memory: 'still' });
      },
    });
    const { settled, change } = bench(controllerOf({ loops: [probe] }), [pod('x')]);
    const gone = async (): Promise<void> => {
      change(pod('x'), undefined);
      await settled();
    };
    await settled();
    await gone();
    await gone();
    over = true;
    await gone();
    await gone();
    expect(seen).toEqual([undefined, 'kept', 'still', 'still', undefined]);
  });

  test('a wait that others ask for is never none, and grows while it is asked for again', async () => {
    const runs: number[] = [];
    const { clock, settled } = bench(
      controllerOf({ loops: [loop({ reconcile: () => noted(runs, clock.now().mono, 'run') })] }),
      [pod('x')],
      () => ({
        outcomes: [[{ kind: 'failed', code: 'API_THROTTLED', write: {}, retryAfter: 0 } as unknown as Outcome]],
      }),
    );
    await settled();
    for (let step = 0; step < 80; step++) {
      clock.advance(10);
      await settled();
    }
    const gaps = runs.slice(1).map((at, nth) => at - (runs[nth] as number));
    expect(gaps).toEqual([50, 100, 200, 400]);
  });
});

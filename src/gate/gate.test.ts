import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import { allowAny } from '#core/controller.ts';
import { retryOf } from '#core/errors.ts';
import type { Apply, Create, Delete, Patch, Write } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { allowed, BUNDLE, denied, gateBench, planOf, wired } from '#kit/gate.ts';
import type { Decision, PolicyInput } from '#policy/port.ts';
import { DEFAULT_BUDGETS } from './quota.ts';

const web: ApiObject = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { namespace: 'a', name: 'web', uid: 'u1', resourceVersion: '5' },
};
const create = (slot: number, object: object = {}): Create => ({
  verb: 'create',
  reason: 'scale-up',
  slot: String(slot),
  resource: 'core/pods',
  namespace: 'a',
  object: { metadata: { generateName: 'web-' }, ...object },
});
const remove = (name: string, uid = `u-${name}`): Delete => ({
  verb: 'delete',
  reason: 'scale-down',
  ref: { resource: 'core/pods', namespace: 'a', name, uid },
  before: {},
});
const status = (resourceVersion?: string): Patch => ({
  verb: 'patch',
  reason: 'status',
  ref: { resource: 'apps/replicasets', namespace: 'a', name: 'web', uid: 'u1' },
  subresource: 'status',
  type: 'merge',
  patch: { status: { replicas: 1 } },
  after: web,
  ...(resourceVersion !== undefined && { resourceVersion }),
});
const creates = (count: number): Write[][] => Array.from({ length: count }, (_, slot) => [create(slot)]);
const kinds = (executed: { outcomes: readonly (readonly { kind: string }[])[] }): string[][] =>
  executed.outcomes.map((chain) => chain.map(({ kind }) => kind));

describe('what leaves', () => {
  test('I1: each request on the wire follows its own intent, and carries its Audit-ID', async () => {
    const bench = gateBench();
    await bench.run(replicaset, web, planOf([create(0)], [remove('x')], [status('5')]));
    const sent = bench.happened.filter(({ at }) => at === 'wire');
    expect(sent).toHaveLength(3);
    for (const one of sent) {
      if (one.at !== 'wire') throw new Error('narrowing');
      const intent = bench.happened.findIndex((other) => other.at === 'intent' && other.auditId === one.auditId);
      expect(intent).toBeGreaterThanOrEqual(0);
      expect(intent).toBeLessThan(bench.happened.indexOf(one));
    }
  });

  test('I17: the bytes that were judged and recorded are the bytes that are sent', async () => {
    const seen: PolicyInput[] = [];
    const bench = gateBench({
      decide: (input) => {
        seen.push(input);
        return allowed;
      },
    });
    await bench.run(replicaset, web, planOf([create(0)], [status('5')]));
    const intents = bench.happened.flatMap((one) => (one.at === 'intent' ? [one.draft.request] : []));
    expect(wired(bench.happened)).toEqual(intents);
    for (const [at, request] of wired(bench.happened).entries()) expect(request).toBe(intents[at]);
    const [pod, patch] = wired(bench.happened).map(({ body }) => JSON.parse(body ?? '') as Record<string, unknown>);
    expect(seen[0]?.object).toEqual(pod);
    expect(seen[1]?.patch).toEqual(patch);
  });

  test('I4: each goes out under the planning controller', async () => {
    const bench = gateBench();
    await bench.run(replicaset, web, planOf([create(0)]));
    expect(wired(bench.happened)[0]?.identity).toBe('replicaset');
  });

  test('I17: policy sees what the patch makes of the cached object, whatever the plan says it will be', async () => {
    const seen: PolicyInput[] = [];
    const objects = [web];
    const bench = gateBench({
      objects,
      decide: (input) => {
        seen.push(input);
        return allowed;
      },
    });
    const lie = { ...status('5'), after: { metadata: { name: 'harmless' } } };
    await bench.run(replicaset, web, planOf([lie]));
    expect(seen[0]?.object).toMatchObject({ metadata: { name: 'web', uid: 'u1' }, status: { replicas: 1 } });
  });

  test('I17: of what is only tracked policy sees the metadata that is tracked, as the kind that it is', async () => {
    const seen: PolicyInput[] = [];
    const bench = gateBench({
      decide: (input) => {
        seen.push(input);
        return allowed;
      },
    });
    const resource = 'example.com/widgets@v1,Widget,namespaced';
    const metadata = { namespace: 'a', name: 'w', uid: 'u-w', resourceVersion: '5' };
    const partial = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata };
    Object.assign(bench.parts.cache.tracked, {
      get: (asked: string, { name }: { name: string }) => (asked === resource && name === 'w' ? partial : undefined),
    });
    const gone = (uid: string): Delete => ({
      verb: 'delete',
      reason: 'collect',
      ref: { resource, namespace: 'a', name: 'w', uid },
      before: { metadata: { name: 'w', labels: { planned: 'yes' } } },
    });
    const sweeper = { ...replicaset, name: 'sweeper', rbac: [allowAny('watch', 'delete')] };
    await bench.run(sweeper, undefined, planOf([gone('u-w')]));
    await bench.run(sweeper, undefined, planOf([gone('u-other')]));
    expect(seen.map(({ before }) => before)).toEqual([
      { apiVersion: 'example.com/v1', kind: 'Widget', metadata },
      { metadata: { name: 'w', labels: { planned: 'yes' } } },
    ]);
    // A rule must not take for absent what nobody read.
    expect(seen.map(({ untracked, partial: inPart }) => [untracked, inPart])).toEqual([
      [['/spec'], true],
      [['/spec'], true],
    ]);
  });

  test('a plan without a trigger is judged and recorded by the root whose end is its cause', async () => {
    const seen: PolicyInput[] = [];
    const bench = gateBench({
      decide: (input) => {
        seen.push(input);
        return allowed;
      },
    });
    const root = { resource: 'apps/replicasets', namespace: 'a', name: 'web', uid: 'u1' } as const;
    const blast = { root, total: 3, evidence: 'owner-deleted-seen' } as const;
    await bench.run(replicaset, undefined, { ...planOf([remove('x')]), blast });
    const cause = {
      reason: 'scale-down',
      owners: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'a', name: 'web', uid: 'u1' }],
      evidence: 'owner-deleted-seen',
    };
    expect(seen[0]?.cause).toEqual(cause);
    expect(bench.happened.find(({ at }) => at === 'intent')).toMatchObject({ draft: { cause } });
  });

  test('a patch carries uid and resourceVersion; without either it does not leave', async () => {
    const bench = gateBench();
    const executed = await bench.run(replicaset, web, planOf([status('5')], [status()]));
    expect(kinds(executed)).toEqual([['applied'], ['denied']]);
    expect(wired(bench.happened).map(({ body }) => JSON.parse(body ?? ''))).toEqual([
      { status: { replicas: 1 }, metadata: { uid: 'u1', resourceVersion: '5' } },
    ]);
  });

  test('an apply names its manager by force, and carries uid and resourceVersion; without the uid it does not leave', async () => {
    const apply: Apply = {
      verb: 'apply',
      reason: 'status',
      ref: status().ref,
      subresource: 'status',
      object: { metadata: { name: 'web' }, status: { replicas: 1 } } as ApiObject,
      after: { ...web, status: { replicas: 1 } } as ApiObject,
      fieldManager: 'some-manager',
      resourceVersion: '5',
    };
    const seen: PolicyInput[] = [];
    const bench = gateBench({
      decide: (input) => {
        seen.push(input);
        return allowed;
      },
    });
    const { uid: _, ...nameless } = apply.ref;
    await bench.run(replicaset, web, planOf([apply], [{ ...apply, ref: nameless }]));
    const [sent, ...others] = wired(bench.happened);
    expect(others).toEqual([]);
    expect(sent?.path).toMatch(/\?timeout=6000ms&fieldManager=some-manager&force=true$/);
    expect(sent?.contentType).toBe('application/apply-patch+yaml');
    const body = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'web', uid: 'u1', resourceVersion: '5' },
      status: { replicas: 1 },
    };
    expect(JSON.parse(sent?.body ?? '')).toEqual(body);
    expect(seen[0]?.patch).toEqual(body);
    expect(seen[0]?.object).toEqual({ ...web, status: { replicas: 1 } });
    expect(seen[0]?.write.preconditions).toEqual({ uid: 'u1', resourceVersion: '5' });
  });

  test('a later write of a chain takes the resourceVersion of the answer before it', async () => {
    const bench = gateBench();
    await bench.run(replicaset, web, planOf([status('5'), status('previous')]));
    const versions = wired(bench.happened).map(
      ({ body }) => (JSON.parse(body ?? '') as ApiObject).metadata?.resourceVersion,
    );
    expect(versions).toEqual(['5', '1001']);
  });
});

describe('what is refused', () => {
  const nothingLeft = (bench: ReturnType<typeof gateBench>): void => expect(wired(bench.happened)).toEqual([]);

  test.each([
    ['policy denies', () => gateBench({ decide: () => denied('r') }), 'GATE_POLICY_DENIED'],
    [
      'policy is undefined',
      () => gateBench({ decide: () => ({ kind: 'error', bundle: BUNDLE, code: 'POLICY_UNDEFINED', micros: 0 }) }),
      'POLICY_UNDEFINED',
    ],
    [
      'policy is too slow',
      () => gateBench({ decide: () => ({ kind: 'error', bundle: BUNDLE, code: 'POLICY_TIMEOUT', micros: 0 }) }),
      'POLICY_TIMEOUT',
    ],
    [
      'the evaluator throws',
      () =>
        gateBench({
          decide: () => {
            throw new Error('boom');
          },
        }),
      'POLICY_CRASHED',
    ],
    ['the ledger cannot record', () => gateBench({ ledger: 'fails' }), 'GATE_LEDGER_FAILED'],
    ['the lease is not ours', () => gateBench({ leads: false }), 'GATE_FENCED'],
    ['the lease ran short while the write waited', () => gateBench({ admitsAtSocket: false }), 'GATE_FENCED'],
  ] as const)('I2: %s', async (_, make, code) => {
    const bench = make();
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ code });
    nothingLeft(bench);
  });

  test('I2: no bundle is active', async () => {
    const bench = gateBench();
    await bench.parts.evaluator.close();
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ kind: 'denied', code: 'POLICY_MISSING' });
    nothingLeft(bench);
  });

  test('I7: what the controller does not declare, and it is recorded', async () => {
    const bench = gateBench();
    const secret: Write = { ...create(0), resource: 'core/secrets' };
    const executed = await bench.run(replicaset, web, planOf([secret]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ kind: 'denied', code: 'GATE_UNDECLARED' });
    expect(bench.happened).toMatchObject([{ at: 'denial', draft: { code: 'GATE_UNDECLARED' } }]);
  });

  test("I14: Comptroller's own namespace, whatever policy says", async () => {
    const bench = gateBench();
    const executed = await bench.run(replicaset, web, planOf([{ ...create(0), namespace: 'comptroller-system' }]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ kind: 'denied', code: 'GATE_PROTECTED' });
    nothingLeft(bench);
  });

  test('I9: a denial carries rule ids and static titles; dynamic messages go to the ledger alone', async () => {
    const bench = gateBench({ decide: () => denied('pod-security-baseline/privileged') });
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(JSON.stringify(executed)).not.toContain('secret details');
    expect(bench.happened).toMatchObject([
      { at: 'denial', draft: { messages: ['secret details of pod-security-baseline/privileged'] } },
    ]);
  });

  test('I9: of an API error only code, reason and fields come back', async () => {
    const body = {
      kind: 'Status',
      reason: 'Invalid',
      message: 'value "hunter2" is not allowed',
      details: { causes: [{ reason: 'FieldValueInvalid', field: 'spec.x', message: 'hunter2' }] },
    };
    const bench = gateBench({ answer: () => ({ kind: 'answered', status: 422, body }) });
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({
      kind: 'failed',
      code: 'API_INVALID',
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.x' }],
    });
    expect(
      JSON.stringify([executed.outcomes.map((chain) => chain.map(({ write: _, ...rest }) => rest)), bench.happened]),
    ).not.toContain('hunter2');
  });

  test('a namespace that used up its space in the ledger creates nothing for now, and may still delete', async () => {
    const bench = gateBench({ spent: 'a' });
    const executed = await bench.run(replicaset, web, planOf([create(0)], [remove('x')]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({
      kind: 'exhausted',
      code: 'GATE_QUOTA_EXHAUSTED',
      retryAfter: 30_000,
    });
    expect(kinds(executed)[1]).toEqual(['applied']);
  });

  test('a closed gate refuses everything', async () => {
    const bench = gateBench();
    bench.gate.close();
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ kind: 'fenced', code: 'GATE_SHUTTING_DOWN' });
  });
});

describe('chains and groups', () => {
  test('a chain is judged whole before its first write is sent', async () => {
    const bench = gateBench({ decide: (input) => (input.write.verb === 'delete' ? denied('r') : allowed) });
    const executed = await bench.run(replicaset, web, planOf([create(0), remove('x')]));
    expect(kinds(executed)).toEqual([['skipped', 'denied']]);
    expect(wired(bench.happened)).toEqual([]);
  });

  test('a chain stops at the first write that is not applied; another chain goes on', async () => {
    const bench = gateBench({
      answer: (request) => ({
        kind: 'answered',
        status: request.target.name === 'x' ? 500 : 200,
        body: { metadata: {} },
      }),
    });
    const executed = await bench.run(replicaset, web, planOf([remove('x'), remove('y')], [remove('z')]));
    expect(kinds(executed)).toEqual([['unknown', 'skipped'], ['applied']]);
  });

  test('slow start: 1, 2, 4, ..., and nothing after a group with a failure', async () => {
    let count = 0;
    const bench = gateBench({
      answer: () => ({ kind: 'answered', status: ++count > 3 ? 403 : 201, body: { metadata: {} } }),
    });
    const executed = await bench.run(replicaset, web, { ...planOf(...creates(20)), spread: 'slow-start' });
    const tally = Object.groupBy(executed.outcomes.flat(), ({ kind }) => kind);
    expect([tally.applied?.length, tally.failed?.length, tally.skipped?.length]).toEqual([3, 4, 13]);
  });

  test('I15: slow start holds fewer at once of heavy objects', async () => {
    let [now, most] = [0, 0];
    const bench = gateBench({}, { ...DEFAULT_BUDGETS, bytes: { rate: 1, burst: 1e9 } });
    const { send } = bench.parts.writer;
    Object.assign(bench.parts.writer, {
      send: async (...asked: Parameters<typeof send>) => {
        most = Math.max(most, ++now);
        await new Promise<void>((resolve) => setImmediate(resolve));
        now -= 1;
        return send(...asked);
      },
    });
    const annotations = { heavy: 'x'.repeat(500_000) };
    const heavy = creates(12).map(([one]) => {
      const { object } = one as Create;
      return [{ ...(one as Create), object: { ...object, metadata: { ...object.metadata, annotations } } }];
    });
    const executed = await bench.run(replicaset, web, { ...planOf(...heavy), spread: 'slow-start' });
    expect(kinds(executed)).toEqual(Array(12).fill(['applied']));
    expect(most).toBe(4);
  });

  test('an answer of the wrong shape is recorded without what is no text', async () => {
    const metadata = { uid: null, name: { evil: 1 }, resourceVersion: 7 };
    const bench = gateBench({ answer: () => ({ kind: 'answered', status: 201, body: { metadata } }) });
    expect(kinds(await bench.run(replicaset, web, planOf([create(0)])))).toEqual([['applied']]);
    const [outcome] = bench.happened.flatMap((one) => (one.at === 'outcome' ? [one.draft] : []));
    expect(Object.keys(outcome ?? {}).sort()).toEqual(['kind', 'status', 'took']);
  });

  test('slow start asks a namespace that ends once', async () => {
    const ends = {
      kind: 'Status',
      reason: 'Forbidden',
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    };
    const bench = gateBench({ answer: () => ({ kind: 'answered', status: 403, body: ends }) });
    await bench.run(replicaset, web, { ...planOf(...creates(45)), spread: 'slow-start' });
    expect(wired(bench.happened)).toHaveLength(1);
  });

  test('a wish that policy refuses is asked for once, not five hundred times', async () => {
    let asked = 0;
    const bench = gateBench({
      decide: () => {
        asked += 1;
        return denied('r');
      },
    });
    await bench.run(replicaset, web, { ...planOf(...creates(500)), spread: 'slow-start' });
    expect(asked).toBe(1);
  });

  test('a deletion of what is gone is applied; a change of it is gone', async () => {
    const gone = { kind: 'Status', reason: 'NotFound', details: { name: 'x' } };
    const bench = gateBench({ answer: () => ({ kind: 'answered', status: 404, body: gone }) });
    const executed = await bench.run(replicaset, web, planOf([remove('x')], [status('5')]));
    expect(kinds(executed)).toEqual([['applied'], ['gone']]);
  });
});

describe('names and lost answers', () => {
  const nameOf = (bench: ReturnType<typeof gateBench>, at: number): string | undefined =>
    wired(bench.happened)[at]?.target.name;

  test('I10: a create whose answer was lost is tried again under the same name, then under another', async () => {
    const bench = gateBench({ answer: () => ({ kind: 'lost' }) });
    await bench.run(replicaset, web, planOf([create(0)]));
    bench.world.answer = () => ({ kind: 'answered', status: 201, body: { metadata: {} } });
    await bench.run(replicaset, web, planOf([create(0)]));
    await bench.run(replicaset, web, planOf([create(0)]));
    const attempts = bench.happened.flatMap((one) => (one.at === 'intent' ? [one.draft.attempt] : []));
    expect(attempts).toEqual([1, 2, 1]);
    expect(nameOf(bench, 1)).toBe(nameOf(bench, 0));
    expect(nameOf(bench, 2)).not.toBe(nameOf(bench, 1));
  });

  test('a lost answer is a barrier until the write can no longer happen, and its fate is recorded', async () => {
    const bench = gateBench({ answer: () => ({ kind: 'lost' }) });
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    const [barrier] = executed.barriers;
    expect(kinds(executed)).toEqual([['unknown']]);
    expect(barrier?.reached()).toBe(false);
    expect(bench.parts.lost.count()).toBe(1);
    const name = nameOf(bench, 0);
    bench.world.get = () => ({ status: 200, body: { items: [{ metadata: { name, uid: 'n1' } }] } });
    const reached = new Promise<void>((resolve) => barrier?.whenReached(resolve));
    // Its connection may have broken a moment before its time began.
    bench.clock.advance(6999);
    await new Promise(setImmediate);
    expect([bench.parts.lost.count(), barrier?.reached()]).toEqual([1, false]);
    bench.clock.advance(1);
    await reached;
    expect(bench.parts.lost.count()).toBe(0);
    expect(bench.happened.at(-1)).toMatchObject({ at: 'note', draft: { note: 'resolved', as: 'applied' } });
    // Another write of that slot: what is found under the first name says nothing of it.
    await bench.run(replicaset, web, planOf([create(0)]));
    expect(nameOf(bench, 1)).not.toBe(name);
  });

  test.each([
    ['at once', 500, 0, 7000],
    ['late', 504, 5000, 2000],
    ['when its time was over: a second more, for the API server may have begun to count it late', 504, 6500, 1000],
  ])('what was answered without being told of rests until its time is over: %s', async (_, status, after, rest) => {
    const bench = gateBench();
    bench.world.answer = () => {
      bench.clock.advance(after);
      return { kind: 'answered', status, body: { kind: 'Status', reason: 'Timeout' } };
    };
    expect(kinds(await bench.run(replicaset, web, planOf([create(0)])))).toEqual([['unknown']]);
    bench.clock.advance(rest - 1);
    expect(bench.parts.lost.count()).toBe(1);
    bench.clock.advance(1);
    expect(bench.parts.lost.count()).toBe(0);
  });

  test('an answer 500 may hide a done write: it is unknown, not failed', async () => {
    const bench = gateBench({ answer: () => ({ kind: 'answered', status: 500, body: {} }) });
    expect(kinds(await bench.run(replicaset, web, planOf([create(0)])))).toEqual([['unknown']]);
  });
});

describe('I11: a refused write is not retried until something that matters changed', () => {
  test('the same wish is neither judged nor recorded again; a changed object is', async () => {
    let asked = 0;
    const bench = gateBench({
      decide: () => {
        asked += 1;
        return denied('r');
      },
    });
    const first = await bench.run(replicaset, web, planOf([create(0)]));
    const touched = {
      ...web,
      metadata: { ...web.metadata, resourceVersion: '6' },
      status: { replicas: 3 },
    } as ApiObject;
    bench.clock.advance(1000);
    const second = await bench.run(replicaset, touched, planOf([create(0)]));
    expect(asked).toBe(1);
    expect(second.outcomes).toEqual(first.outcomes);
    expect(bench.happened.filter(({ at }) => at === 'denial')).toHaveLength(1);
    await bench.run(replicaset, web, planOf([create(0, { spec: { nodeName: 'other' } })]));
    expect(asked).toBe(2);
  });

  test('a new bundle lifts it, and names the keys to wake', async () => {
    const bench = gateBench({ decide: () => denied('r') });
    await bench.run(replicaset, web, planOf([create(0)]));
    expect(bench.parts.park.clear()).toEqual(['replicaset|replicaset|a/web']);
    bench.world.decide = () => allowed;
    expect(kinds(await bench.run(replicaset, web, planOf([create(0)])))).toEqual([['applied']]);
  });

  test('a plan whose writes are all refused already asks nothing', async () => {
    let crossings = 0;
    const bench = gateBench({ decide: () => denied('r') });
    const { decide } = bench.parts.evaluator;
    Object.assign(bench.parts.evaluator, {
      decide: (inputs: readonly PolicyInput[]) => {
        crossings += 1;
        return decide(inputs);
      },
    });
    const plan = planOf(...creates(20));
    await bench.run(replicaset, web, plan);
    const again = await bench.run(replicaset, web, plan);
    expect(crossings).toBe(1);
    expect(kinds(again)).toEqual(creates(20).map(() => ['denied']));
  });

  test('what an older bundle refused while a new one became active does not stand', async () => {
    const bench = gateBench({ decide: () => ({ ...denied('r'), bundle: { ...BUNDLE, version: 0 } }) as Decision });
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ kind: 'denied', code: 'POLICY_OUTDATED' });
    expect(retryOf('POLICY_OUTDATED')).toBe('backoff');
    expect(bench.parts.park.size()).toBe(0);
    bench.world.decide = () => allowed;
    expect(kinds(await bench.run(replicaset, web, planOf([create(0)])))).toEqual([['applied']]);
  });

  test('what was refused without its namespace, of which the cache had not heard yet, does not stand', async () => {
    const bench = gateBench({ decide: ({ facts }) => (facts.namespace === undefined ? denied('r') : allowed) });
    const { objects } = bench.world;
    bench.world.objects = [];
    const executed = await bench.run(replicaset, web, planOf([create(0)]));
    expect(executed.outcomes[0]?.[0]).toMatchObject({ kind: 'denied', code: 'GATE_STALE_PLAN' });
    expect(retryOf('GATE_STALE_PLAN')).toBe('backoff');
    expect(bench.parts.park.size()).toBe(0);
    bench.world.objects = objects;
    expect(kinds(await bench.run(replicaset, web, planOf([create(0)])))).toEqual([['applied']]);
  });

  test('a judgement that took too long stands for a minute, then for two, then its key is woken', async () => {
    let asked = 0;
    const bench = gateBench({
      decide: () => {
        asked += 1;
        return { kind: 'error', bundle: BUNDLE, code: 'POLICY_TIMEOUT', micros: 0 };
      },
    });
    const woken: string[] = [];
    bench.parts.park.onExpiry((key) => woken.push(key));
    const run = () => bench.run(replicaset, web, planOf([create(0)]));
    await run();
    await run();
    expect(asked).toBe(1);
    bench.clock.advance(60_000);
    expect(woken).toEqual(['replicaset|replicaset|a/web']);
    await run();
    bench.clock.advance(119_000);
    expect([asked, woken.length]).toEqual([2, 1]);
    bench.clock.advance(1000);
    expect(woken).toHaveLength(2);
  });

  test('an evaluator that crashed refuses for now only', async () => {
    const bench = gateBench({ decide: () => ({ kind: 'error', bundle: BUNDLE, code: 'POLICY_CRASHED', micros: 0 }) });
    await bench.run(replicaset, web, planOf([create(0)]));
    expect(bench.parts.park.size()).toBe(0);
  });
});

describe('ResourceQuotas', () => {
  const small = (used: number, hard = 10) => ({
    metadata: { namespace: 'a', name: 'small' },
    status: { hard: { pods: hard }, used: { pods: used } },
  });
  const message = 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=10, limited: pods=10';
  /** An API server that admits so many. */
  const server = (room: number): ReturnType<typeof gateBench> & { asked: () => number } => {
    let asked = 0;
    const bench = gateBench({
      answer: () =>
        ++asked > room
          ? { kind: 'answered', status: 403, body: { kind: 'Status', reason: 'Forbidden', message } }
          : { kind: 'answered', status: 201, body: { metadata: { name: `p${asked}`, uid: `p${asked}` } } },
    });
    bench.quota(undefined, small(0));
    return { ...bench, asked: () => asked };
  };

  test('of 50 pods at once as many are asked for as there is room, and one more to hear why not', async () => {
    const bench = server(10);
    const executed = await bench.run(replicaset, web, planOf(...creates(50)));
    const tally = Object.groupBy(executed.outcomes.flat(), ({ kind }) => kind);
    expect([tally.applied?.length, tally.failed?.length, tally.exhausted?.length]).toEqual([10, 1, 39]);
    expect(bench.asked()).toBe(11);
    expect(tally.failed?.[0]).toMatchObject({
      code: 'API_QUOTA_EXCEEDED',
      message: 'exceeded quota: small, requested: pods=1, used: pods=10, limited: pods=10',
    });
    expect(tally.exhausted?.[0]).toMatchObject({ code: 'GATE_QUOTA_EXHAUSTED' });
  });

  test('slow start ends with the probe; later runs ask nothing until its time has come', async () => {
    const bench = server(10);
    const plan = { ...planOf(...creates(30)), spread: 'slow-start' as const };
    const first = await bench.run(replicaset, web, plan);
    const tally = Object.groupBy(first.outcomes.flat(), ({ kind }) => kind);
    expect([tally.applied?.length, tally.failed?.length]).toEqual([10, 1]);
    bench.quota(small(0), small(10));
    const second = await bench.run(replicaset, web, plan);
    expect(second.outcomes.flat().map(({ kind }) => kind)).toEqual(['exhausted', ...Array(29).fill('skipped')]);
    expect(second.outcomes[0]?.[0]).toMatchObject({ retryAfter: 1000 });
    bench.clock.advance(1000);
    await bench.run(replicaset, web, plan);
    expect(bench.asked()).toBe(12);
  });

  test('what waits is woken when there is room', async () => {
    const bench = server(0);
    const woken: string[] = [];
    bench.parts.forecast.onRoom((address) => woken.push(address));
    bench.quota(small(0), small(10));
    await bench.run(replicaset, web, planOf(...creates(3)));
    bench.quota(small(10), small(10, 30));
    expect(woken).toEqual(['replicaset|replicaset|a/web']);
  });

  test('I15: a change of one field of a heavy object is as heavy as all of it; its end is not', async () => {
    const wide = { rate: 1e6, burst: 1e6 };
    const bytes = { rate: 1, burst: 100_000 };
    const bench = gateBench({}, { controller: wide, verb: wide, namespace: wide, owner: wide, bytes });
    const heavy = { ...web, metadata: { ...web.metadata, annotations: { x: 'x'.repeat(150_000) } } };
    const change = { ...status('5'), after: heavy };
    expect(kinds(await bench.run(replicaset, web, planOf([change])))).toEqual([['applied']]);
    const again = await bench.run(replicaset, web, planOf([change], [remove('x')], [create(0)]));
    expect(kinds(again)).toEqual([['exhausted'], ['applied'], ['applied']]);
    expect(again.outcomes[0]?.[0]).toMatchObject({ message: 'byte budget of the namespace' });
  });

  test('a budget that is used up gives back what was reserved', async () => {
    const none = { rate: 0.001, burst: 0 };
    const bench = gateBench({}, { controller: none, verb: none, namespace: none, owner: none, bytes: none });
    bench.quota(undefined, small(9));
    const run = () => bench.run(replicaset, web, planOf([create(0)]));
    for (let n = 0; n < 3; n += 1) {
      expect((await run()).outcomes[0]?.[0]).toMatchObject({ message: 'write budget of the controller' });
    }
    const { counts } = bench.parts as unknown as { counts: Map<string, number> };
    expect(counts.get('quota_reserved{}')).toBe(0);
    expect(counts.get('quota_budget_refusals_total{controller=replicaset,scope=controller}')).toBe(3);
  });
});

describe('confirm', () => {
  const confirm = {
    read: [{ resource: 'apps/replicasets', namespace: 'a', name: 'web', uid: 'u1' }],
    expect: 'same-uid-live',
  } as const;
  const plan = { ...planOf([create(0)]), confirm };

  test.each([
    ['the same object lives', { status: 200, body: web }, 'applied'],
    ['another has its name', { status: 200, body: { metadata: { uid: 'u2' } } }, 'stale'],
    ['it is being deleted', { status: 200, body: { metadata: { uid: 'u1', deletionTimestamp: 'now' } } }, 'stale'],
    ['it is gone', { status: 404, body: {} }, 'stale'],
    ['the API server does not answer', { status: 503, body: {} }, 'stale'],
  ])('%s', async (_, found, kind) => {
    const bench = gateBench({ get: () => found });
    expect(kinds(await bench.run(replicaset, web, plan))).toEqual([[kind]]);
  });
});

test('an intent names the digest of the policy input that was judged', async () => {
  const bench = gateBench();
  await bench.run(replicaset, web, planOf([create(0)]));
  const [intent] = bench.happened.flatMap((one) => (one.at === 'intent' ? [one.draft] : []));
  expect(intent?.verdict).toMatchObject({ allow: true, bundle: BUNDLE, by: 'policy' });
  expect(intent?.verdict.inputDigest).toMatch(/^[0-9a-f]{64}$/);
  expect(intent?.verdict.inputDigest).not.toBe(createHash('sha256').update('').digest('hex'));
});

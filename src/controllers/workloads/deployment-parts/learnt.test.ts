/** Somebody between us and the store: admission webhooks that change ReplicaSets, and Deployments that cannot be helped. */
import { expect, test } from 'vitest';
import { type Input, listedBy } from '#core/controller.ts';
import { deepFreeze, type Json } from '#core/json.ts';
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { Outcome, Plan } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { deployment as build, revisionOf } from '#kit/build.ts';
import { fakeStore, runPlan } from '#kit/fake-store.ts';
import { viewOf } from '#kit/view.ts';
import { deployment } from '../deployment.ts';

const NAME = 'deployment.kubernetes.io';
const AT = Date.parse('2026-01-01T01:00:00Z');
/** What admission makes of a ReplicaSet that was `before`. */
type Webhook = (after: ReplicaSet, before: ReplicaSet | undefined) => ReplicaSet;

/** Runs the key by hand: each run once, with its settling. */
function cluster(given: readonly ApiObject[], webhook: Webhook) {
  const store = fakeStore(given);
  const loop = deployment.loops[0];
  let memory: Json | undefined;
  const find = (kind: string, name: string | undefined) =>
    store.objects().find((one) => one.kind === kind && one.metadata?.name === name);
  const input = (): Input<Resource, ApiObject> => ({
    key: 'default/web',
    object: find('Deployment', 'web'),
    view: viewOf(store.objects(), listedBy(deployment.rbac)),
    memory: deepFreeze(memory),
    derived: undefined,
    facts: undefined,
    now: { wall: AT, mono: AT },
    seed: '0'.repeat(64),
    settings: {},
  });
  const carryOut = (plan: Plan) =>
    runPlan(plan, (write): Outcome => {
      const before = write.verb === 'patch' ? find('ReplicaSet', write.ref.name) : undefined;
      const done = store.write(write);
      if (done.kind !== 'applied' || done.object?.kind !== 'ReplicaSet') return done;
      const object = webhook(done.object as ReplicaSet, before as ReplicaSet | undefined);
      store.put(object);
      return { ...done, object };
    });
  return {
    store,
    sets: () => store.objects().filter(({ kind }) => kind === 'ReplicaSet') as ReplicaSet[],
    web: () => find('Deployment', 'web') as Deployment,
    run(): { readonly plan: Plan; readonly settled: Plan } {
      const before = input();
      const plan = loop?.reconcile(before) as Plan;
      const outcomes = carryOut(plan);
      const settled = loop?.settle?.({ ...input(), object: before.object }, outcomes, plan) as Plan;
      carryOut(settled);
      for (const { memory: next } of [plan, settled]) {
        if (next !== undefined) memory = next === null ? undefined : next;
      }
      return { plan, settled };
    },
    memory: () => memory,
  };
}

/** Runs until nobody wishes to write or to run on, and says what was done. */
function untilRest({ run }: ReturnType<typeof cluster>, most = 12): readonly string[] {
  const reasons: string[] = [];
  for (let round = 0; round < most; round++) {
    const { plan, settled } = run();
    reasons.push(plan.reason);
    const writes = [...plan.chains, ...settled.chains].length;
    if (writes === 0 && plan.next === undefined && settled.next === undefined) return reasons;
  }
  throw new Error(`not at rest after ${reasons.join(', ')}`);
}

const conditionOf = (one: Deployment) => one.status?.conditions?.find(({ type }) => type === 'Progressing');
const asTheyAre: Webhook = (after) => after;

const PASTED = { app: 'web', 'pod-template-hash': 'abc' };
const pasted = (spec: object = {}) =>
  build({
    replicas: 4,
    selector: { matchLabels: PASTED },
    spec: {
      template: {
        metadata: { labels: PASTED },
        spec: { containers: [{ name: 'app', image: 'app:1', resources: {} }] },
      },
      ...spec,
    },
  });

test.each([
  ['names a hash of its own', pasted()],
  [
    'wants none',
    build({
      selector: {
        matchLabels: { app: 'web' },
        matchExpressions: [{ key: 'pod-template-hash', operator: 'DoesNotExist' }],
      },
    }),
  ],
  ['names a hash of its own, and recreates', pasted({ strategy: { type: 'Recreate' } })],
])('makes no ReplicaSet that a selector which %s would not match, and says why', (_, web) => {
  const one = cluster([web], asTheyAre);
  const { plan } = one.run();
  expect(plan.events).toMatchObject([{ type: 'Warning', reason: 'ReplicaSetCreateError' }]);
  expect(plan.events[0]?.message).toContain('pod-template-hash');
  untilRest(one);
  expect(one.sets()).toEqual([]);
  expect(conditionOf(one.web())).toMatchObject({ status: 'False', reason: 'ReplicaSetCreateError' });
});

test('takes a ReplicaSet whose hash is the one that the selector names', () => {
  const web = pasted();
  const set = revisionOf(web, { image: 'app:1', revision: 1, replicas: 4, metadata: { labels: PASTED } });
  const one = cluster([web, set], asTheyAre);
  untilRest(one);
  expect(one.sets()).toHaveLength(1);
  expect(conditionOf(one.web())?.reason).not.toBe('ReplicaSetCreateError');
});

/** Sets another image on ReplicaSets, and leaves Deployments alone. */
const otherImage: Webhook = (after) => ({
  ...after,
  spec: {
    ...after.spec,
    template: { ...after.spec.template, spec: { containers: [{ name: 'app', image: 'mirror/app:1' }] } },
  },
});

test('makes one ReplicaSet, not another and another, where its template does not come out as wished', () => {
  const one = cluster([build({ replicas: 4 })], otherImage);
  const { settled } = one.run();
  expect(settled.next).toBeUndefined();
  expect(settled.events.map(({ reason }) => reason)).toEqual(['ScalingReplicaSet', 'ReplicaSetCreateError']);
  untilRest(one);
  expect(one.sets()).toHaveLength(1);
  expect(conditionOf(one.web())).toMatchObject({ status: 'False', reason: 'ReplicaSetCreateError' });

  // Another template is another try.
  const web = one.web();
  const template = { ...web.spec.template, spec: { containers: [{ name: 'app', image: 'app:2', resources: {} }] } };
  one.store.store({ ...web, spec: { ...web.spec, template } } as Deployment);
  untilRest(one);
  expect(one.sets()).toHaveLength(2);
});

test.each([
  ['the ReplicaSet that did not come out is taken away', (web: Deployment) => web],
  [
    'another Deployment comes under the name',
    (web: Deployment) => ({ ...web, metadata: { ...web.metadata, uid: 'uid-another' } }),
  ],
])('tries again where %s', (_, then) => {
  let webhook = otherImage;
  const one = cluster([build({ replicas: 4 })], (after, before) => webhook(after, before));
  untilRest(one);
  webhook = asTheyAre;
  for (const set of one.sets()) one.store.remove(set);
  one.store.put(then(one.web()));
  untilRest(one);
  expect(one.sets()).toHaveLength(1);
  expect(one.memory()).toBeUndefined();
});

test('forgets what did not come out as soon as there is a ReplicaSet of its template', () => {
  const web = build({ replicas: 4 });
  const one = cluster([web], otherImage);
  untilRest(one);
  expect(one.memory()).toBeDefined();
  const [made] = one.sets();
  one.store.store({ ...made, spec: { ...made?.spec, template: { ...web.spec.template } } } as ReplicaSet);
  untilRest(one);
  expect(one.memory()).toBeUndefined();
});

const noted = build({ image: 'app:2', replicas: 10, annotations: { x: '1' } });
const old8 = revisionOf(noted, { image: 'app:1', revision: 1, replicas: 8, available: 8 });
const new3 = revisionOf(noted, { image: 'app:2', revision: 2, replicas: 3, available: 3 });
const withoutKey =
  (key: string): Webhook =>
  (after, before) => {
    const { [key]: _, ...annotations } = after.metadata?.annotations ?? {};
    const left = { ...after, metadata: { ...after.metadata, annotations } };
    // As the API server: what changes nothing has no new version.
    const same = JSON.stringify(before?.metadata?.annotations) === JSON.stringify(annotations);
    return same && before?.spec.replicas === after.spec.replicas ? (before as ReplicaSet) : (left as ReplicaSet);
  };

test('rolls on where an annotation does not stick, and asks for it once', () => {
  const one = cluster([noted, old8, new3], withoutKey('x'));
  expect(one.run().plan.reason).toBe('annotate');
  expect(one.memory()).toBeDefined();
  const { plan } = one.run();
  expect(plan.reason).toBe('roll');
  expect(untilRest(one)).not.toContain('annotate');

  const web = one.web();
  one.store.store({ ...web, metadata: { ...web.metadata, annotations: { x: '2' } } } as Deployment);
  expect(untilRest(one).filter((reason) => reason === 'annotate')).toHaveLength(1);
});

test('comes to rest where hundreds of annotations do not stick, whatever was remembered before', () => {
  const many = Object.fromEntries(Array.from({ length: 700 }, (_, at) => [`x-${at}`, 'y']));
  const wide = build({ image: 'app:2', replicas: 10, annotations: many });
  const nothing: Webhook = (after, before) => {
    const own = Object.entries(after.metadata?.annotations ?? {}).filter(([key]) => !key.startsWith('x-'));
    const left = { ...after, metadata: { ...after.metadata, annotations: Object.fromEntries(own) } };
    const same = JSON.stringify(before?.metadata?.annotations) === JSON.stringify(left.metadata.annotations);
    return same && before?.spec.replicas === after.spec.replicas ? (before as ReplicaSet) : (left as ReplicaSet);
  };
  const bare = { annotations: {} };
  const sets = [
    revisionOf(wide, { image: 'app:1', revision: 1, replicas: 8, available: 8, ...bare }),
    revisionOf(wide, { image: 'app:2', revision: 2, replicas: 3, available: 3, ...bare }),
  ];
  const one = cluster([wide, ...sets], nothing);
  expect(untilRest(one, 20)).toContain('roll');
  for (let turn = 0; turn < 600; turn++) {
    const web = one.web();
    one.store.store({ ...web, metadata: { ...web.metadata, annotations: { x: String(turn) } } } as Deployment);
    untilRest(one, 20);
  }
  expect(JSON.stringify(one.memory()).length).toBeLessThan(64_000);
});

test('a claim that comes between does not make it forget', () => {
  const one = cluster([noted, old8, new3], withoutKey('x'));
  one.run();
  const before = one.memory();
  const orphan = revisionOf(noted, { image: 'app:0', revision: 0, replicas: 0, metadata: { ownerReferences: [] } });
  one.store.put(orphan);
  expect(one.run().plan.reason).toBe('claim');
  expect(one.memory()).toEqual(before);
});

test('forgets annotations of a ReplicaSet that is gone', () => {
  const one = cluster([noted, old8, new3], withoutKey('x'));
  one.run();
  for (const set of one.sets()) one.store.remove(set);
  untilRest({ ...one, run: one.run });
  expect(JSON.stringify(one.memory() ?? '')).not.toContain(new3.metadata?.uid);
});

test('rolls on where the noted size does not stick', () => {
  const size: Webhook = (after, before) => {
    const annotations = { ...after.metadata?.annotations, [`${NAME}/desired-replicas`]: '7' };
    const same = JSON.stringify(before?.metadata?.annotations) === JSON.stringify(annotations);
    if (same && before?.spec.replicas === after.spec.replicas) return before as ReplicaSet;
    return { ...after, metadata: { ...after.metadata, annotations } };
  };
  const stuck = build({ image: 'app:2', replicas: 10 });
  const seven = { annotations: { [`${NAME}/desired-replicas`]: '7' } };
  const one = cluster(
    [
      stuck,
      revisionOf(stuck, { image: 'app:1', revision: 1, replicas: 8, available: 8, ...seven }),
      revisionOf(stuck, { image: 'app:2', revision: 2, replicas: 3, available: 3, ...seven }),
    ],
    size,
  );
  const reasons = untilRest(one);
  expect(reasons).toContain('roll');
  expect(reasons.filter((reason) => reason === 'scale').length).toBeLessThan(3);
});

test('goes back to an earlier revision also where the template that goes does not come out as wished', () => {
  const web = build({ image: 'app:2', replicas: 4 });
  const one = cluster([web, revisionOf(web, { image: 'app:1', revision: 1, replicas: 4, available: 4 })], otherImage);
  untilRest(one);
  const asked = one.web();
  const annotations = { ...asked.metadata?.annotations, 'deprecated.deployment.rollback.to': '1' };
  one.store.store({ ...asked, metadata: { ...asked.metadata, annotations } });
  expect(untilRest(one)[0]).toBe('rollback');
  expect(one.web().spec.template.spec?.containers[0]?.image).toBe('app:1');
});

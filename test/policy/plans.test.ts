import { beforeAll, describe, expect, test } from 'vitest';
import { clusterroleAggregation } from '#controllers/cluster/clusterrole-aggregation.ts';
import { namespace as namespaceController } from '#controllers/cluster/namespace.ts';
import { podGarbageCollector } from '#controllers/cluster/pod-garbage-collector.ts';
import { rootCaCertificatePublisher } from '#controllers/identity/root-ca-certificate-publisher.ts';
import { serviceaccount } from '#controllers/identity/serviceaccount.ts';
import { replicaset } from '#controllers/workloads/replicaset.ts';
import { ttlAfterFinished } from '#controllers/workloads/ttl-after-finished.ts';
import type { AnyLoop, Controller } from '#core/controller.ts';
import type { ApiObject } from '#core/resource.ts';
import { clusterRole, job, node, pod, replicaSet } from '#kit/build.ts';
import { gateBench } from '#kit/gate.ts';
import { planOf, type Scenario } from '#kit/scenario.ts';
import { readBundle } from '#policy/bundle.ts';
import { createEngine, type Engine } from '#policy/engine.ts';
import type { Decision, PolicyInput } from '#policy/port.ts';
import { bytesOf } from '#policy/suite.ts';
import { BUILD, caseInput } from './support.ts';

/** Plans of the real controllers, through the real gate, judged by the real module: the contract between all three. */
let engine: Engine;
beforeAll(async () => {
  const { files } = await readBundle(BUILD);
  const module = await WebAssembly.compile(files['policy.wasm']);
  engine = createEngine(module, new Uint8Array(files['data.json']).buffer);
});

interface Seen {
  readonly write: string;
  readonly verdict: string;
}

async function judged(
  controller: Controller,
  trigger: ApiObject | undefined,
  row: Omit<Scenario, 'plan' | 'check'>,
  queue?: string,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const decide = (input: PolicyInput): Decision => {
    const judgement = engine.judge(bytesOf(input));
    const { verb, resource, subresource } = input.write;
    const rules = judgement.kind === 'deny' ? judgement.violations.map(({ rule }) => rule).join(' ') : judgement.kind;
    seen.push({ write: [verb, resource, subresource].filter(Boolean).join(' '), verdict: rules });
    return { ...judgement, bundle: input.bundle };
  };
  const bench = gateBench({ objects: row.given, decide });
  // What the plan would confirm by live reads is another test's.
  const { confirm: _, ...plan } = planOf(controller, row, queue);
  await bench.run(controller, trigger, plan);
  return seen;
}

const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'default', uid: 'n1', labels: {}, resourceVersion: '3' },
  status: { phase: 'Active' },
} as ApiObject;
const pem =
  (caseInput('root-ca-certificate-publisher', 'publishes the CA').object as { data?: Record<string, string> } | null)
    ?.data?.['ca.crt'] ?? '';
const key = 'default/web';

describe('replicaset', () => {
  const rs = replicaSet({ name: 'web', replicas: 2 });

  test('creates', async () => {
    const seen = await judged(replicaset, rs, { given: [namespace, rs], key });
    expect(seen.slice(0, 2)).toEqual([
      { write: 'create pods', verdict: 'allow' },
      { write: 'create pods', verdict: 'allow' },
    ]);
  });

  test('a privileged template is refused before anything is recorded', async () => {
    const privileged = structuredClone(rs);
    for (const container of privileged.spec.template?.spec?.containers ?? []) {
      Object.assign(container, { securityContext: { privileged: true } });
    }
    const seen = await judged(replicaset, privileged, { given: [namespace, privileged], key });
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen.map(({ verdict }) => verdict))).toEqual(new Set(['pod-security-baseline/privileged']));
  });

  test('deletes, adopts, releases and reports', async () => {
    const three = ['a', 'b', 'c'].map((name) => pod({ name, owner: rs }));
    const orphan = pod({ name: 'orphan' });
    const stray = pod({ name: 'stray', owner: rs, labels: { app: 'other' } });
    const all = [
      ...(await judged(replicaset, rs, { given: [namespace, rs, ...three], key })),
      ...(await judged(replicaset, rs, { given: [namespace, rs, orphan], key })),
      ...(await judged(replicaset, rs, { given: [namespace, rs, stray], key })),
      ...(await judged(replicaset, rs, { given: [namespace, rs, ...three.slice(1)], key })),
    ];
    expect(all.filter(({ verdict }) => verdict !== 'allow')).toEqual([]);
    expect(new Set(all.map(({ write }) => write))).toEqual(
      new Set(['delete pods', 'patch pods', 'patch replicasets status']),
    );
  });
});

describe('what each namespace gets', () => {
  test('its ServiceAccount', async () => {
    const seen = await judged(serviceaccount, namespace, { given: [namespace], key: 'default' });
    expect(seen).toEqual([{ write: 'create serviceaccounts', verdict: 'allow' }]);
  });

  test('the CA, made and restored; a key in its place is refused', async () => {
    const row = (rootCa: string, ...given: ApiObject[]) => ({
      given: [namespace, ...given],
      key: 'default',
      settings: { rootCa },
    });
    const wrong = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: 'default', uid: 'c1', resourceVersion: '9' },
      data: { 'ca.crt': 'other', more: 'x' },
      binaryData: { more: 'eA==' },
    } as ApiObject;
    const publish = (rootCa: string, ...given: ApiObject[]) =>
      judged(rootCaCertificatePublisher, namespace, row(rootCa, ...given));
    expect(await publish(pem)).toEqual([{ write: 'create configmaps', verdict: 'allow' }]);
    expect(await publish(pem, wrong)).toEqual([{ write: 'patch configmaps', verdict: 'allow' }]);
    expect(await publish(`${pem}-----BEGIN ${'PRIVATE'} KEY-----\n`)).toEqual([
      { write: 'create configmaps', verdict: 'root-ca/not-a-certificate' },
    ]);
  });
});

describe('a namespace that ends', () => {
  const ending = (name: string): ApiObject =>
    ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, uid: 'n2', labels: {}, resourceVersion: '3', deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Terminating' },
    }) as ApiObject;
  const drain = { uid: 'n2', due: 0, total: 2 };
  const verbs = ['delete', 'deletecollection', 'list'];
  const item = { name: 'a', uid: 'u', deleting: false, finalizers: [] };
  const list = (resource: string) => ({ resource, verbs, count: 1, items: [item] });
  const pods = { ...list('core/pods'), count: 0, items: [] };
  const facts = {
    kind: 'listed',
    failed: [],
    unreadable: [],
    pods,
    others: [list('core/secrets'), list('rbac.authorization.k8s.io/roles'), list('example.com/x@v1,X,namespaced')],
  };
  const row = (name: string, more: object) => ({ given: [ending(name)], key: name, memory: drain, ...more });

  test('is emptied, reported on and let go', async () => {
    const clean = { ...drain, end: 'clean' };
    const live = { kind: 'live', namespace: { ok: true, object: ending('shop') } };
    const all = [
      ...(await judged(namespaceController, ending('shop'), row('shop', { facts }))),
      ...(await judged(namespaceController, ending('shop'), row('shop', { facts: { ...facts, others: [] } }))),
      ...(await judged(namespaceController, ending('shop'), row('shop', { facts: live, memory: clean }))),
    ];
    expect(all).toEqual([
      { write: 'deletecollection secrets', verdict: 'allow' },
      { write: 'delete roles', verdict: 'allow' },
      { write: 'deletecollection x', verdict: 'allow' },
      { write: 'patch namespaces status', verdict: 'allow' },
      { write: 'update namespaces finalize', verdict: 'allow' },
    ]);
  });

  test("is not emptied where it is the cluster's own", async () => {
    const seen = await judged(namespaceController, ending('kube-system'), row('kube-system', { facts }));
    expect(new Set(seen.map(({ verdict }) => verdict))).toEqual(new Set(['namespace/lasting']));
  });
});

describe('what ends', () => {
  test('finished Jobs', async () => {
    const expired = job({ ttl: 0, finishedAt: '2026-01-01T00:00:00Z' });
    const seen = await judged(ttlAfterFinished, expired, { given: [namespace, expired], key: 'default/pi' });
    expect(seen).toEqual([{ write: 'delete jobs', verdict: 'allow' }]);
  });

  test('pods that no kubelet will end', async () => {
    const deletionTimestamp = '2026-01-01T00:59:00Z';
    const out = node('out', {
      ready: false,
      taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }],
    });
    const pods = [
      pod({ name: 'lost', node: 'gone' }),
      pod({ name: 'ended', phase: 'Succeeded' }),
      pod({ name: 'evicted', phase: 'Failed' }),
      pod({ name: 'nowhere', node: '', phase: 'Pending', metadata: { deletionTimestamp } }),
      pod({ name: 'stuck', node: 'out', metadata: { deletionTimestamp } }),
    ];
    const given = [namespace, node('node-1'), out, ...pods];
    const settings = { terminatedPodGcThreshold: 1 };
    const ofNode = (key: string, facts: string) =>
      judged(podGarbageCollector, undefined, { given, key, facts }, 'orphaned_pods_nodes');
    const [patch, remove] = ['patch pods status', 'delete pods'].map((write) => ({ write, verdict: 'allow' }));
    const seen = await judged(podGarbageCollector, undefined, { given, key: 'singleton', settings });
    expect(seen).toEqual([remove, patch, remove]);
    expect(await ofNode('out', 'node')).toEqual([patch, remove]);
    expect(await ofNode('gone', 'nothing')).toEqual([patch, remove]);
  });
});

describe('aggregated ClusterRoles', () => {
  const labels = { 'example.com/to-view': 'true' };
  const view = clusterRole('view', { aggregates: [{ matchLabels: labels }] });
  const seenOf = (...verbs: string[]) => {
    const source = clusterRole('source', { labels, rules: [{ apiGroups: ['*'], resources: ['*'], verbs }] });
    return judged(clusterroleAggregation, view, { given: [view, source], key: 'view' });
  };

  test('get what they select, but not all power', async () => {
    expect(await seenOf('get')).toEqual([{ write: 'patch clusterroles', verdict: 'allow' }]);
    expect(await seenOf('*')).toEqual([{ write: 'patch clusterroles', verdict: 'clusterrole-aggregation/unbounded' }]);
  });

  test('lose what nobody gives any more, beside a source of all power and with all power of their own', async () => {
    const rule = (resource: string, verb: string) => ({ apiGroups: ['*'], resources: [resource], verbs: [verb] });
    const [power, more] = [rule('*', '*'), rule('*/*', '*')];
    const held = clusterRole('view', {
      aggregates: [{ matchLabels: labels }],
      rules: [power, rule('pods', 'get'), rule('secrets', 'get')],
    });
    const source = clusterRole('source', { labels, rules: [power, more, rule('pods', 'get')] });
    const row = { given: [held, source], key: 'view' };
    const union = planOf(clusterroleAggregation, row);
    const outcomes = [
      union.chains.flat().map((write) => ({ write, kind: 'denied', code: 'GATE_POLICY_DENIED', rules: [] }) as const),
    ];
    const [loop] = clusterroleAggregation.loops;
    const settling = { ...loop, reconcile: (input) => loop?.settle?.(input, outcomes, union) } as AnyLoop;
    const judgedFor = (of: Controller) => judged(of, held, row);
    expect(await judgedFor(clusterroleAggregation)).toMatchObject([{ verdict: 'clusterrole-aggregation/unbounded' }]);
    const seen = await judgedFor({ ...clusterroleAggregation, loops: [settling] });
    expect(seen).toEqual([{ write: 'patch clusterroles', verdict: 'allow' }]);
  });
});

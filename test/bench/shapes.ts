/** What the managers have to do. */
import type { Deployment } from '#core/k8s/types.gen.ts';
import { pathOf } from '#core/resource.ts';
import type { Admin } from '#kit/admin.ts';
import type { ApiClient } from '#local/client.ts';
import { type Item, untilAll, untilNone, type Waiting } from './follow.ts';

export interface Stage {
  readonly admin: Admin;
  readonly client: ApiClient;
  /** Empty, with its ServiceAccount there. */
  readonly namespace: string;
}

export interface Phase {
  readonly name: string;
  /** Opens its watches; what it resolves to acts, and resolves when it is done. */
  readonly prepare: (stage: Stage) => Promise<() => Promise<void>>;
}

export interface Shape {
  readonly does: string;
  readonly phases: readonly Phase[];
  /** These are there before a manager starts, all in one namespace; its start is measured as well, then it stays idle. */
  readonly present?: Present;
  /** Pods that each phase makes or takes away. */
  readonly pods: number;
}

export interface Present {
  readonly deployments: number;
  readonly replicas: number;
  /** Seconds. */
  readonly idle: number;
}

/** Milliseconds; upstream with its default limits needs minutes. */
const TIMEOUT = 1_200_000;

export const SHAPES: Readonly<Record<string, Shape>> = {
  'deployments-20x20': deployments(20, 20),
  'deployments-50x40': deployments(50, 40),
  'one-of-3000': deployments(1, 3000),
  '1000-of-1': deployments(1000, 1),
  'growth-1x': deployments(5, 40),
  'growth-2x': deployments(10, 40),
  'growth-4x': deployments(20, 40),
  'growth-8x': deployments(40, 40),
  start: present(0),
  idle: present(300),
};

/** A name that stands for several. */
export const GROUPS: Readonly<Record<string, readonly string[]>> = {
  growth: ['growth-1x', 'growth-2x', 'growth-4x', 'growth-8x'],
};

function present(idle: number): Shape {
  const [count, replicas] = [1_000, 10];
  const then = idle === 0 ? '' : `, then ${idle / 60} minutes with nothing to do`;
  return {
    does: `starts with ${count} Deployments of ${replicas} there and completes one more${then}`,
    phases: [],
    present: { deployments: count, replicas, idle },
    pods: 1,
  };
}

export function deployments(count: number, replicas: number): Shape {
  return {
    does: `${count} Deployments of ${replicas}: created, rolled over to another image, deleted`,
    pods: count * replicas,
    phases: [
      {
        name: 'create',
        prepare: async (stage) => {
          const waiting = await complete(stage, 'app:1', count);
          return () =>
            all(count, waiting, (n) => stage.admin.create('apps/deployments', deployment(stage, n, replicas)));
        },
      },
      {
        name: 'rollout',
        prepare: async (stage) => {
          const waiting = await complete(stage, 'app:2', count);
          const patch = { spec: { template: { spec: { containers: [{ name: 'main', image: 'app:2' }] } } } };
          return () =>
            all(count, waiting, (n) => stage.admin.patch('apps/deployments', at(stage, n), patch, 'strategic'));
        },
      },
      {
        name: 'delete',
        prepare: async (stage) => {
          const options = { propagationPolicy: 'Background' };
          const waiting = await gone(stage);
          return () => all(count, waiting, (n) => stage.admin.delete('apps/deployments', at(stage, n), options));
        },
      },
    ],
  };
}

const nameOf = (n: number): string => `app-${n}`;
const at = ({ namespace }: Stage, n: number) => ({ namespace, name: nameOf(n) });

/** Acts on each, and waits. */
async function all(count: number, { done }: Waiting, act: (n: number) => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => act(n)));
  await done;
}

/** Every Deployment has told that all its pods are of this image and available, and that no other is left. */
export function complete({ client, namespace }: Stage, image: string, count: number): Promise<Waiting> {
  const wished = ({ metadata, spec, status }: Deployment & Item): boolean =>
    spec?.template.spec?.containers[0]?.image === image &&
    status?.observedGeneration === metadata?.generation &&
    status?.replicas === spec.replicas &&
    status?.updatedReplicas === spec.replicas &&
    status?.availableReplicas === spec.replicas;
  return untilAll(client, pathOf('apps/deployments', { namespace }), wished, count, TIMEOUT);
}

/** Neither pods nor ReplicaSets are left: what would make new ones has gone before. */
async function gone({ client, namespace }: Stage): Promise<Waiting> {
  const waits = [
    await untilNone(client, pathOf('core/pods', { namespace }), TIMEOUT),
    await untilNone(client, pathOf('apps/replicasets', { namespace }), TIMEOUT),
  ];
  return { done: Promise.all(waits.map(({ done }) => done)).then(() => {}) };
}

/** With what a plain workload has: variables, a probe, resources. */
export function deployment({ namespace }: Pick<Stage, 'namespace'>, n: number, replicas: number): object {
  const labels = { app: nameOf(n), tier: 'web' };
  const env = Array.from({ length: 6 }, (_, at) => ({ name: `SETTING_${at}`, value: `value-${at}` }));
  const container = {
    name: 'main',
    image: 'app:1',
    env,
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
  };
  const spec = { replicas, selector: { matchLabels: labels } };
  return {
    metadata: { namespace, name: nameOf(n), labels },
    spec: { ...spec, template: { metadata: { labels }, spec: { containers: [container] } } },
  };
}

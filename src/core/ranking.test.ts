import { expect, test } from 'vitest';
import { pod } from '#kit/build.ts';
import type { Pod } from './k8s/types.gen.ts';
import { colocation, deletionOrder } from './ranking.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const READY = '2026-01-01T00:30:00Z';
const order = (pods: readonly Pod[], colocated: (pod: Pod) => number = () => 0): string[] =>
  deletionOrder(pods, colocated, NOW).map((one) => one.metadata?.name ?? '');
const cost = (value: string) => ({ annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } });
const restarted = (times: number, sidecar = 0) => ({
  phase: 'Running',
  containerStatuses: [{ name: 'a', restartCount: times, image: '', imageID: '', ready: true }],
  initContainerStatuses: [{ name: 's', restartCount: sidecar, image: '', imageID: '', ready: true }],
});
const withSidecar = { initContainers: [{ name: 's', restartPolicy: 'Always' }] };

test.each<[string, readonly Pod[]]>([
  ['unassigned', [pod({ name: 'a', node: '', readySince: READY }), pod({ name: 'b', phase: 'Pending' })]],
  ['pending', [pod({ name: 'a', phase: 'Pending', readySince: READY }), pod({ name: 'b', phase: 'Unknown' })]],
  ['unknown', [pod({ name: 'a', phase: 'Unknown', readySince: READY }), pod({ name: 'b' })]],
  ['not ready', [pod({ name: 'a', metadata: cost('9') }), pod({ name: 'b', readySince: READY })]],
  [
    'cheap',
    [
      pod({ name: 'a', metadata: cost('-1'), readySince: READY }),
      pod({ name: 'b', readySince: '2026-01-01T00:59:59Z' }),
    ],
  ],
  [
    'ready since unknown when',
    [
      pod({ name: 'a', status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }),
      pod({ name: 'b', readySince: READY }),
    ],
  ],
  [
    'ready for a short time',
    [pod({ name: 'a', readySince: '2026-01-01T00:50:00Z' }), pod({ name: 'b', readySince: '2026-01-01T00:10:00Z' })],
  ],
  [
    'of lower uid when ready for about as long',
    [pod({ name: 'a', readySince: '2026-01-01T00:10:00Z' }), pod({ name: 'b', readySince: '2026-01-01T00:11:00Z' })],
  ],
  [
    'often restarted',
    [
      pod({ name: 'a', status: restarted(2), metadata: { creationTimestamp: '2020-01-01T00:00:00Z' } }),
      pod({ name: 'b', status: restarted(1) }),
    ],
  ],
  [
    'with restarted sidecars',
    [
      pod({ name: 'a', spec: withSidecar, status: restarted(1, 4) }),
      pod({ name: 'b', spec: withSidecar, status: restarted(1, 3) }),
    ],
  ],
  [
    'without a time of creation',
    [pod({ name: 'a', metadata: { creationTimestamp: undefined as never } }), pod({ name: 'b' })],
  ],
  [
    'made in the future',
    [pod({ name: 'a', metadata: { creationTimestamp: '2026-01-01T02:00:00Z' } }), pod({ name: 'b' })],
  ],
  ['young', [pod({ name: 'a', metadata: { creationTimestamp: '2026-01-01T00:59:00Z' } }), pod({ name: 'b' })]],
])('%s goes first', (_, pods) => {
  expect(order(pods)).toEqual(['a', 'b']);
  expect(order(pods.toReversed())).toEqual(['a', 'b']);
});

test('doubled up on a node goes before that what is ready for longer, after what is cheap', () => {
  const related = [
    pod({ name: 'x', node: 'n2' }),
    pod({ name: 'y', node: 'n2', phase: 'Failed' }),
    pod({ name: 'z', node: 'n1' }),
    pod({ name: 'w', node: 'n2' }),
  ];
  const colocated = colocation(related);
  const pods = [
    pod({ name: 'single', node: 'n1', readySince: '2026-01-01T00:59:59Z' }),
    pod({ name: 'double', node: 'n2', readySince: READY }),
  ];
  expect(pods.map(colocated)).toEqual([1, 2]);
  expect(order(pods, colocated)).toEqual(['double', 'single']);
});

test('pods that became ready in one second stand together, by their restarts', () => {
  const pods = [
    pod({ name: 'c', readySince: '2026-01-01T00:10:01Z' }),
    pod({ name: 'a', readySince: '2026-01-01T00:10:00Z' }),
    pod({
      name: 'd',
      status: {
        ...restarted(3),
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:10:00Z' }],
      },
    }),
  ];
  expect(order(pods)).toEqual(['d', 'a', 'c']);
});

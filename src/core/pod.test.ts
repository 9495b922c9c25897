import { describe, expect, test } from 'vitest';
import { pod } from '#kit/build.ts';
import {
  deletionCost,
  isActive,
  isAvailable,
  isReady,
  isTerminal,
  isTerminating,
  maxRestarts,
  nextAvailabilityChange,
  readySince,
} from './pod.ts';

const SINCE = '2026-01-01T00:00:00Z';
const at = (seconds: number): number => Date.parse(SINCE) + seconds * 1000;
const ready = pod({ readySince: SINCE });
const timeless = pod({ status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });

test.each([
  ['running', pod(), [true, false, false]],
  ['pending', pod({ phase: 'Pending' }), [true, false, false]],
  ['without a status', { ...pod(), status: undefined } as never, [true, false, false]],
  ['leaving', pod({ deleting: SINCE }), [false, true, false]],
  ['succeeded', pod({ phase: 'Succeeded' }), [false, false, true]],
  ['failed and leaving', pod({ phase: 'Failed', deleting: SINCE }), [false, false, true]],
])('a pod that is %s: active, terminating, terminal', (_, one, is) => {
  expect([isActive(one), isTerminating(one), isTerminal(one)]).toEqual(is);
});

test('readiness is what the condition says', () => {
  expect([isReady(ready), readySince(ready)]).toEqual([true, at(0)]);
  expect([isReady(timeless), readySince(timeless)]).toEqual([true, undefined]);
  const not = pod({
    status: { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: SINCE }] },
  });
  expect([isReady(not), readySince(not)]).toEqual([false, undefined]);
});

test.each([
  ['not ready', pod(), 0, at(99), false],
  ['ready, nothing asked', ready, 0, at(-5), true],
  ['a moment too early', ready, 10, at(10) - 1, false],
  ['just long enough', ready, 10, at(10), true],
  ['since unknown when', timeless, 10, at(99), false],
])('available: %s', (_, one, least, wall, is) => {
  expect(isAvailable(one, least, wall)).toBe(is);
});

test('the next change is the earliest to come', () => {
  const later = pod({ readySince: '2026-01-01T00:00:05Z' });
  expect(nextAvailabilityChange([later, ready, pod()], 10, at(4))).toBe(6000);
  expect(nextAvailabilityChange([later, ready], 10, at(12))).toBe(3000);
  expect(nextAvailabilityChange([later, ready, timeless], 10, at(15))).toBeUndefined();
  expect(nextAvailabilityChange([ready], 0, at(-1))).toBeUndefined();
});

test('restarts of sidecars count apart, those of other init containers not at all', () => {
  const status = (name: string, restartCount: number) => ({ name, restartCount, image: '', imageID: '', ready: true });
  const one = pod({
    spec: { initContainers: [{ name: 'side', restartPolicy: 'Always' }, { name: 'init' }] },
    status: {
      containerStatuses: [status('a', 2), status('b', 5)],
      initContainerStatuses: [status('side', 3), status('init', 9)],
    },
  });
  expect(maxRestarts(one)).toEqual({ regular: 5, sidecar: 3 });
  expect(maxRestarts(pod())).toEqual({ regular: 0, sidecar: 0 });
});

describe('deletionCost', () => {
  const cost = (value: string) =>
    deletionCost(pod({ metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } } }));

  test.each([
    ['10', 10],
    ['-10', -10],
    ['-05', -5],
    ['0', 0],
    ['-0', 0],
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
  ])('%s', (value, number) => {
    expect(cost(value)).toBe(number);
  });
  test.each(['', '+10', '08', ' 1', '1 ', '1.5', '1e3', '0x1', '-', '2147483648', '-2147483649', '1\n'])(
    '%j counts as none',
    (value) => {
      expect(cost(value)).toBe(0);
    },
  );
  test('none', () => {
    expect(deletionCost(pod())).toBe(0);
  });
});

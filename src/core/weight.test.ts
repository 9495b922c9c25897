import { expect, test } from 'vitest';
import { weightOf } from './weight.ts';

test.each([
  ['core/pods', 1],
  ['core/persistentvolumeclaims', 10],
  ['core/events', 0],
  ['events.k8s.io/events', 0],
  ['core/configmaps', 0.2],
  ['example.com/pods@v1,Pod,namespaced', 0.2],
] as const)('%s weighs %d', (resource, weight) => {
  expect(weightOf(resource)).toBe(weight);
});

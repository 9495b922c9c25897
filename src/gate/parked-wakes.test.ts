import { expect, test } from 'vitest';
import type { Listener } from '#cache/port.ts';
import type { ApiObject } from '#core/resource.ts';
import { wakeParked } from './parked-wakes.ts';

const namespace = (labels: Record<string, string>, more: object = {}, resourceVersion = '1'): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'a', uid: 'u', resourceVersion, labels },
  ...more,
});
const STRICT = { 'pod-security.kubernetes.io/enforce': 'restricted' };

test.each<[string, ApiObject | undefined, ApiObject | undefined, string[]]>([
  ['a Pod Security level that is another', namespace(STRICT), namespace({}), ['replicaset|replicaset|a/web']],
  ['its end', namespace({}), namespace({}, { status: { phase: 'Terminating' } }), ['replicaset|replicaset|a/web']],
  ['a namespace that comes back', undefined, namespace({}), ['replicaset|replicaset|a/web']],
  ['what policy is not told', namespace(STRICT), namespace(STRICT, { spec: { finalizers: [] } }, '2'), []],
  ['its deletion', namespace({}), undefined, []],
])('%s wakes what was refused in it', (_, old, now, woken) => {
  let listener: Listener = () => {};
  const cache = {
    subscribe: (_resource: string, given: Listener) => {
      listener = given;
      return () => {};
    },
  };
  const seen: string[] = [];
  const of = (name: string): string[] => (name === 'a' ? ['replicaset|replicaset|a/web'] : []);
  wakeParked(cache as never, { of }, (address) => seen.push(address));
  listener(old as never, now as never);
  expect(seen).toEqual(woken);
});

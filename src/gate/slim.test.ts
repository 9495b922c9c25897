import { describe, expect, test } from 'vitest';
import { podGarbageCollector } from '#controllers/cluster/pod-garbage-collector.ts';
import { canonical } from '#core/json.ts';
import type { Delete, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { WireRequest } from '#core/request.ts';
import type { ApiObject } from '#core/resource.ts';
import { gateBench, planOf } from '#kit/gate.ts';
import type { PolicyInput } from '#policy/port.ts';
import { maySlim, slim } from './slim.ts';

const SWOLLEN = '\u0001'.repeat(600_000);
const swollen = (value = SWOLLEN): ApiObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'a',
      name: 'p',
      uid: 'u-p',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { nodeName: 'gone', containers: [{ name: 'main', env: [{ name: 'X', value }] }] },
  }) as ApiObject;

describe('I12: what ends an object is judged, however heavy a tenant made it', () => {
  const judgedOf = async (write: Write): Promise<PolicyInput[]> => {
    const seen: PolicyInput[] = [];
    const bench = gateBench({
      objects: [swollen()],
      decide: (input) => {
        seen.push(input);
        return { kind: 'deny', bundle: undefined, violations: [], warnings: [], micros: 0 } as never;
      },
    });
    await bench.run(podGarbageCollector, undefined, planOf([write]));
    return seen;
  };

  test('the deletion of a pod whose JSON is over what policy takes', async () => {
    const pod = swollen();
    const remove: Delete = { verb: 'delete', ref: refOf('core/pods', pod), before: pod, reason: 'orphaned' };
    const [input] = await judgedOf(remove);
    expect(canonical(pod).length).toBeGreaterThan(3 * 1024 * 1024);
    expect(canonical(input).length).toBeLessThan(10_000);
    expect(input?.before).toMatchObject({ metadata: { name: 'p', uid: 'u-p' }, spec: { nodeName: 'gone' } });
  });
});

describe('a slimmed input', () => {
  const inputOf = (value: string): PolicyInput => ({ object: swollen(value), before: null, patch: null }) as never;
  const valueIn = ({ object }: PolicyInput): string => JSON.stringify(object);

  test('keeps what is short, and tells equal strings from others', () => {
    expect(slim(inputOf('x'.repeat(256)))).toEqual(inputOf('x'.repeat(256)));
    const [one, same, other] = ['x', 'x', 'y'].map((last) => valueIn(slim(inputOf(`${'x'.repeat(5000)}${last}`))));
    expect(one).toBe(same);
    expect(one).not.toBe(other);
    expect(one).toMatch(/x{64}~5001~sha256:[0-9a-f]{64}/);
  });

  test('keeps keys named like members of the prototype', () => {
    const object = JSON.parse('{"metadata":{"__proto__":"x","constructor":"y"}}') as ApiObject;
    expect(Object.keys(slim({ ...inputOf(''), object }).object?.metadata ?? {})).toEqual(['__proto__', 'constructor']);
  });
});

const request = (verb: WireRequest['verb'], subresource?: string, body?: object): WireRequest =>
  ({ verb, target: { subresource }, ...(body !== undefined && { body: JSON.stringify(body) }) }) as never;

test.each<[string, WireRequest, boolean]>([
  ['a deletion', request('delete'), true],
  ['a status', request('patch', 'status', { status: {} }), true],
  ['the end of a namespace', request('update', 'finalize', { spec: {} }), true],
  [
    'a finalizer',
    request('patch', undefined, { metadata: { uid: 'u', '$deleteFromPrimitiveList/finalizers': ['x'] } }),
    true,
  ],
  ['an owner', request('patch', undefined, { metadata: { resourceVersion: '1', ownerReferences: [] } }), true],
  ['labels', request('patch', undefined, { metadata: { labels: {}, finalizers: [] } }), false],
  ['a wish', request('patch', undefined, { metadata: { finalizers: [] }, spec: { replicas: 1 } }), false],
  ['nothing', request('patch', undefined, {}), false],
  ['a creation', request('create', undefined, {}), false],
  ['an update', request('update', undefined, {}), false],
  ['another subresource', request('patch', 'scale', { metadata: { finalizers: [] } }), false],
])('%s may be slimmed or not', (_, wire, may) => expect(maySlim(wire)).toBe(may));

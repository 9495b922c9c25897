import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReadResult } from '#core/controller.ts';
import type { Discovery, Served } from '#core/discovery.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { type FakeClock, fakeClock } from '#kit/fake-clock.ts';
import { type Recorded, recordingTelemetry } from '#kit/telemetry.ts';
import type { CachePlan } from './plan-caches.ts';
import type { TrackedResources } from './port.ts';
import { followDiscovery, withKnown } from './tracker.ts';

const ALL = ['delete', 'get', 'list', 'watch'];
const WIDGETS: Resource = 'example.com/widgets@v1,Widget,namespaced';
const CRDS: Resource = 'apiextensions.k8s.io/customresourcedefinitions';
const served = (resource: Resource, verbs: readonly string[] = ALL): Served => ({ resource, verbs });

let clock: FakeClock;
let abort: AbortController;
let telemetry: Recorded;
let answers: ReadResult<Discovery>[];
let asked: number;
let plans: (readonly CachePlan[])[];
let change: (resource: Resource, old: ApiObject | undefined, now: ApiObject | undefined) => void;

beforeEach(() => {
  clock = fakeClock();
  abort = new AbortController();
  telemetry = recordingTelemetry();
  answers = [];
  asked = 0;
  plans = [];
});
afterEach(() => abort.abort());

const found = (...resources: readonly Served[]): ReadResult<Discovery> => ({
  ok: true,
  object: { served: resources, failed: [] },
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await null;
}

async function follow(...given: ReadResult<Discovery>[]): Promise<void> {
  answers = given;
  let current: Discovery | undefined;
  const tracked: TrackedResources = {
    untracked: [],
    set(tracking) {
      current = tracking.discovery;
      plans.push(tracking.plans);
    },
    current: () => ({ discovery: current, resources: new Map() }),
    get: () => undefined,
    onChange: () => () => {},
    subscribe(listener) {
      change = listener;
      return () => {};
    },
  };
  const reads = {
    discover: async () => answers[Math.min(asked++, answers.length - 1)] as ReadResult<Discovery>,
  };
  followDiscovery({ ...telemetry, tracked, reads, identity: 'garbage-collector', clock }, abort.signal);
  await settle();
}

const names = (): string[] => plans.at(-1)?.map(({ resource }) => resource) ?? [];
const object = (resourceVersion: string): ApiObject => ({ metadata: { name: 'x', resourceVersion } });

test('tracks what can be deleted, listed and watched, as the one who tracks; Secrets as who may read their metadata', async () => {
  await follow(
    found(
      served('core/pods'),
      served('core/secrets'),
      served('core/events'),
      served('events.k8s.io/events'),
      served('events.k8s.io/events@v2,Event,namespaced'),
      served(WIDGETS),
      served('authentication.k8s.io/tokenreviews@v1,TokenReview,cluster', ['create']),
    ),
  );
  expect(plans).toEqual([
    [
      { resource: 'core/pods', identity: 'garbage-collector', metadataOnly: true },
      { resource: 'core/secrets', identity: 'secrets-metadata', metadataOnly: true },
      { resource: WIDGETS, identity: 'garbage-collector', metadataOnly: true },
    ],
  ]);
});

test('looks again every half minute, and soon after a definition changed', async () => {
  await follow(found(served('core/pods')), found(served('core/pods'), served(WIDGETS)));
  clock.advance(29_999);
  await settle();
  expect(asked).toBe(1);
  clock.advance(1);
  await settle();
  expect([asked, names()]).toEqual([2, ['core/pods', WIDGETS]]);
  change('core/pods', undefined, object('1'));
  change(CRDS, object('4'), object('4'));
  clock.advance(2000);
  await settle();
  expect(asked).toBe(2);
  change(CRDS, undefined, object('5'));
  change(CRDS, object('5'), object('6'));
  clock.advance(1000);
  await settle();
  expect(asked).toBe(3);
  change('apiregistration.k8s.io/apiservices', object('7'), undefined);
  clock.advance(1000);
  await settle();
  expect(asked).toBe(4);
});

test('a look that fails changes nothing, and is counted', async () => {
  await follow(found(served('core/pods')), { ok: false, status: 503, reason: '' });
  clock.advance(30_000);
  await settle();
  expect([asked, plans.length]).toEqual([2, 1]);
  expect(telemetry.counts.get('garbagecollector_controller_resources_sync_error_total{}')).toBe(1);
});

test('what a group served that does not answer now stays tracked, and is counted', async () => {
  const partly: Discovery = { served: [served('core/pods')], failed: ['example.com/v1'] };
  await follow(found(served('core/pods'), served(WIDGETS)), { ok: true, object: partly }, found(served('core/pods')));
  clock.advance(30_000);
  await settle();
  expect(names()).toEqual(['core/pods', WIDGETS]);
  expect(telemetry.counts.get('garbagecollector_controller_resources_sync_error_total{}')).toBe(1);
  clock.advance(30_000);
  await settle();
  expect(names()).toEqual(['core/pods']);
});

test('a bug in a look does not end the looking', async () => {
  await follow(undefined as unknown as ReadResult<Discovery>, found(served('core/pods')));
  clock.advance(30_000);
  await settle();
  expect(names()).toEqual(['core/pods']);
});

test('ends with the signal', async () => {
  await follow(found(served('core/pods')));
  abort.abort();
  clock.advance(120_000);
  await settle();
  expect(asked).toBe(1);
});

test('of a resource that another version serves now, the version that does not answer is let go of', () => {
  const known: Discovery = { served: [served(WIDGETS)], failed: [] };
  const now: Discovery = {
    served: [served('example.com/widgets@v1beta1,Widget,namespaced')],
    failed: ['example.com/v1'],
  };
  expect(withKnown(now, known)).toEqual(now);
});

import { allow, type ControllerSettings, defineController, type Input, type Wake } from '#core/controller.ts';
import { warning } from '#core/events.ts';
import type { Json } from '#core/json.ts';
import type { EndpointSubset, Endpoints, Pod, Service } from '#core/k8s/types.gen.ts';
import { refusal, wentThrough } from '#core/outcome.ts';
import { patchOf } from '#core/patch.ts';
import { nothing, type Outcome, type Outcomes, type Plan, type PlannedEvent, write } from '#core/plan.ts';
import { keyOfObject, refOf, splitKey } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import { labelsAreRight, labelsOf } from './endpoints-parts/labels.ts';
import { alsoUnready, sayTheSame, subsetsOf } from './endpoints-parts/subsets.ts';
import { OVER_CAPACITY, truncated } from './endpoints-parts/truncate.ts';
import { saysCut, wakesForEndpoints } from './endpoints-parts/wakes.ts';
import { followsPods, isReachable, podsOf } from './service-pods/membership.ts';
import { overBound } from './service-pods/ports.ts';
import { timesIn, triggerOf, withTrigger } from './service-pods/trigger-time.ts';
import { servicesTouched } from './service-pods/wakes.ts';

type Listed = 'core/services' | 'core/pods' | 'core/endpoints';
type ServiceInput = Input<Listed, Service>;

const QUEUE = 'endpoint';
/** Old leader elections hold their lock in Endpoints that never had a Service. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader';

export const endpoints = defineController({
  name: 'endpoints',
  aliases: ['endpoint'],
  upstreamRole: 'endpoint-controller',
  does: 'Keeps the Endpoints of each Service that selects pods.',
  events: true,
  rbac: [
    allow('core/services', 'get', 'list', 'watch'),
    allow('core/pods', 'list', 'watch'),
    allow('core/endpoints', 'list', 'watch', 'create', 'patch', 'delete'),
  ],
  loops: [
    {
      queue: QUEUE,
      key: 'core/services',
      on: {
        'core/pods': wakesForPod,
        'core/endpoints': wakesForEndpoints,
      },
      workers: 5,
      workersFlag: 'concurrent-endpoint-syncs',
      backoff: { base: 5, max: 1_000_000 },
      reconcile,
      settle,
    },
    { queue: 'endpoint_leftover', key: 'singleton', workers: 1, reconcile: findLeftovers },
  ],
});

function wakesForPod(
  old: Pod | undefined,
  now: Pod | undefined,
  view: View<'core/services'>,
  { endpointUpdatesBatchPeriod: after = 0 }: ControllerSettings,
): readonly Wake[] {
  return servicesTouched(old, now, view).map((key) => (after > 0 ? { key, after } : { key }));
}

function reconcile(input: ServiceInput): Plan {
  const { key, object: service, view, memory } = input;
  const there = view.get('core/endpoints', splitKey(key));
  if (service === undefined) return { ...removed(key, there), memory: null };
  if (!followsPods(service)) return nothing('no-pods-to-follow');
  const pods = podsOf(service, view);
  const over = tooMany(service, pods);
  if (over !== undefined) return nothing('too-many-ports', { events: [over] });
  const last = timesIn(memory);
  const { time, seen } = triggerOf(service, pods, last);
  const plan = kept(service, there, subsetsOf(service, pods), time);
  return { ...plan, ...(seen !== last && { memory: seen as unknown as Json }) };
}

/** Told of the Endpoints, there or not, as its other troubles are. */
function tooMany(service: Service, pods: readonly Pod[]): PlannedEvent | undefined {
  const reachable = pods.filter((pod) => isReachable(pod, alsoUnready(service)));
  const regarding = { resource: 'core/endpoints', ...splitKey(keyOfObject(service)) } as const;
  return overBound(service, reachable, { regarding, reason: 'FailedToUpdateEndpoint' });
}

/** Endpoints end with their Service, whoever made them. The cache alone is no proof that a Service is gone: it is read live. */
function removed(key: string, there: Endpoints | undefined): Plan {
  if (there === undefined) return nothing('gone');
  if (isLock(there)) return nothing('leader-election');
  return {
    ...write('service-gone', {
      verb: 'delete',
      ref: refOf('core/endpoints', there),
      before: there,
      reason: 'service-gone',
    }),
    confirm: { read: [{ resource: 'core/services', ...splitKey(key) }], expect: 'absent' },
  };
}

function isLock({ metadata }: Endpoints): boolean {
  return metadata?.annotations !== undefined && Object.hasOwn(metadata.annotations, LEADER);
}

function kept(
  service: Service,
  there: Endpoints | undefined,
  wished: readonly EndpointSubset[],
  time: string | undefined,
): Plan {
  const cut = truncated(wished);
  const subsets = cut ?? wished;
  const annotations = annotationsOf(there, cut !== undefined, time);
  if (there === undefined) return created(service, subsets, annotations);
  if (saysCut(there) === (cut !== undefined) && sayTheSame(there.subsets, subsets) && labelsAreRight(there, service)) {
    return nothing('in-order');
  }
  const had = there.metadata?.annotations !== undefined || Object.keys(annotations).length > 0;
  const after: Endpoints = {
    ...there,
    metadata: { ...there.metadata, labels: labelsOf(service), ...(had && { annotations }) },
    subsets,
  };
  const patch = patchOf({ resource: 'core/endpoints', before: there, after, reason: 'changed' });
  return patch === undefined ? nothing('in-order') : write('changed', patch);
}

function annotationsOf(there: Endpoints | undefined, cut: boolean, time: string | undefined) {
  const timed = Object.entries(withTrigger(there?.metadata?.annotations, time));
  const others = timed.filter(([key]) => key !== OVER_CAPACITY);
  return Object.fromEntries(cut ? [...others, [OVER_CAPACITY, 'truncated']] : others);
}

function created(
  service: Service,
  subsets: readonly EndpointSubset[],
  annotations: Readonly<Record<string, string>>,
): Plan {
  const { namespace, name = '' } = service.metadata ?? {};
  const object: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: labelsOf(service),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    ...(subsets.length > 0 && { subsets }),
  };
  return write('missing', {
    verb: 'create',
    resource: 'core/endpoints',
    ...(namespace !== undefined && { namespace }),
    object,
    reason: 'missing',
  });
}

/** A change that did not go through still happened when it did: the next try tells the same time. */
function settle({ object: service, memory }: ServiceInput, outcomes: Outcomes): Plan {
  const all = outcomes.flat();
  if (service === undefined || all.every(wentThrough)) return nothing('settled');
  return nothing('failed', { events: all.flatMap((outcome) => tell(service, outcome)), memory: memory ?? null });
}

function tell(service: Service, outcome: Outcome): readonly PlannedEvent[] {
  const why = refusal(outcome);
  if (why === undefined) return [];
  const key = keyOfObject(service);
  const { write: tried } = outcome;
  if (tried.verb === 'patch') {
    return [warning(tried.ref, 'FailedToUpdateEndpoint', `Failed to update endpoint ${key}: ${why}`)];
  }
  const regarding = { resource: 'core/endpoints', ...splitKey(key) } as const;
  return [warning(regarding, 'FailedToCreateEndpoint', `Failed to create endpoint for service ${key}: ${why}`)];
}

/** Once, at the start: Endpoints whose Service went while nobody looked. */
function findLeftovers({ view }: Input<Listed, undefined>): Plan {
  const left = view.list('core/endpoints').filter((one) => {
    const { namespace, name = '' } = one.metadata ?? {};
    return view.get('core/services', { namespace, name }) === undefined && !isLock(one);
  });
  if (left.length === 0) return nothing('none-left-over');
  return nothing('left-over', { enqueue: left.map((one) => ({ loop: QUEUE, key: keyOfObject(one) })) });
}

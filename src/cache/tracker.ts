import type { Reads } from '#core/controller.ts';
import type { Discovery, Served } from '#core/discovery.ts';
import { type Resource, resourceInfo, shortName } from '#core/resource.ts';
import { type Clock, type Ms, seconds } from '#core/time.ts';
import type { Telemetry } from '#telemetry/port.ts';
import { type CachePlan, identityOf } from './plan-caches.ts';
import type { TrackedResources } from './port.ts';

/** As upstream's garbage collector looks for new resources. */
const EVERY: Ms = seconds(30);
/** After a definition of resources changed: the API server needs a moment to serve what it says. */
const SOON: Ms = seconds(1);
const DEFINITIONS: ReadonlySet<Resource> = new Set([
  'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices',
]);
/** Never tracked: they expire by themselves, there are many, and nothing owns them. */
const LEFT_OUT: ReadonlySet<string> = new Set(['core/events', 'events.k8s.io/events']);
const NEEDED = ['delete', 'list', 'watch'] as const;

export interface TrackerParts extends Telemetry {
  readonly tracked: TrackedResources;
  /** As the controller that watches everything. */
  readonly reads: Pick<Reads, 'discover'>;
  /** That controller's name. */
  readonly identity: string;
  readonly clock: Clock;
}

/** Keeps the set of tracked resources as discovery tells it, until the signal aborts. */
export function followDiscovery(parts: TrackerParts, signal: AbortSignal): void {
  const { clock, tracked } = parts;
  let cancel = (): void => {};
  let looking = false;
  let due: Ms | undefined;
  const arm = (after: Ms): void => {
    cancel();
    if (!signal.aborted) cancel = clock.after(after, look);
  };
  const look = (): void => {
    looking = true;
    due = undefined;
    void once(parts)
      .catch((error: unknown) =>
        parts.log.error('looking for what is served threw', { error: error instanceof Error ? error.name : '' }),
      )
      .finally(() => {
        looking = false;
        arm(due ?? EVERY);
      });
  };
  const stop = tracked.subscribe((resource, old, now) => {
    if (!DEFINITIONS.has(resource) || old?.metadata?.resourceVersion === now?.metadata?.resourceVersion) return;
    if (due !== undefined) return;
    due = SOON;
    if (!looking) arm(SOON);
  });
  signal.addEventListener('abort', () => {
    cancel();
    stop();
  });
  look();
}

/** A look that fails, in whole or for one group, changes nothing of what was known. */
async function once({ reads, tracked, identity, log, meter }: TrackerParts): Promise<void> {
  const found = await reads.discover();
  if (!found.ok) {
    meter.count('garbagecollector_controller_resources_sync_error_total', {});
    log.warn('discovering what is served', { status: found.status, reason: found.reason });
    return;
  }
  const discovery = withKnown(found.object, tracked.current().discovery);
  if (discovery.failed.length > 0) {
    meter.count('garbagecollector_controller_resources_sync_error_total', {});
    log.warn('discovering what is served: some groups did not answer', { groups: discovery.failed.join(', ') });
  }
  tracked.set({
    discovery,
    plans: discovery.served.filter(isTracked).map(({ resource }) => planFor(resource, identity)),
  });
}

/** Of a group that did not answer the last that it told stays, but for what another version of it serves now. */
export function withKnown(found: Discovery, known: Discovery | undefined): Discovery {
  if (found.failed.length === 0 || known === undefined) return found;
  const failed = new Set(found.failed);
  const told = new Set(found.served.map(({ resource }) => shortName(resource)));
  const kept = known.served.filter(({ resource }) => {
    const { group, version } = resourceInfo(resource);
    return !told.has(shortName(resource)) && failed.has(group === '' ? version : `${group}/${version}`);
  });
  return { ...found, served: [...found.served, ...kept].sort((a, b) => (a.resource < b.resource ? -1 : 1)) };
}

function isTracked({ resource, verbs }: Served): boolean {
  return !LEFT_OUT.has(shortName(resource)) && NEEDED.every((verb) => verbs.includes(verb));
}

function planFor(resource: Resource, identity: string): CachePlan {
  const proper = identityOf(resource);
  return { resource, identity: proper === 'reader' ? identity : proper, metadataOnly: true };
}

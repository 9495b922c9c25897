import { withKnown } from '#cache/tracker.ts';
import type { Tracking } from '#core/controller.ts';
import type { Discovery, Served } from '#core/discovery.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import {
  type Change,
  NEW_WIDGETS,
  RESOURCES,
  type Server,
  shownAs,
  storedAs,
  WIDGETS,
} from './garbage-collector-server.ts';

/** How long the collector waits for a list, and for an API that is gone. */
const PATIENCE = 30_000;
const REINSTALLED = 300_000;

interface Watched {
  readonly name: Resource;
  since: number;
  synced: boolean;
  readonly shelf: Map<string, ApiObject>;
}
export interface Told {
  fold(resource: Resource, old: ApiObject | undefined, now: ApiObject | undefined): void;
  tracked(tracking: Tracking): void;
}

/**
 * What the collector gets to know: which resources are served, which of them discovery told of, which are listed, and
 * how far their watches are. Each of these happens when the story says so.
 */
export function createTracking(server: Server, late: Map<Resource, Change[]>, mono: () => number, told: Told) {
  const served = new Set<Resource>(RESOURCES);
  /** `group/version`s that discovery gets no answer for. */
  const failing = new Set<string>();
  const down = new Set<Resource>();
  const watched = new Map<Resource, Watched>();
  /** What was shown of each resource, also before it was dropped for a while. */
  const known = new Map<Resource, Map<string, ApiObject>>(RESOURCES.map((resource) => [resource, new Map()]));
  const lastWatched = new Map<Resource, number>();
  let preferred = WIDGETS;
  /** Whether the version that is not preferred is served as well. */
  let both = true;
  let discovered: Discovery | undefined;
  let complete = false;

  const versionsOf = (resource: Resource): readonly Resource[] => {
    if (resource !== WIDGETS) return [resource];
    const other = preferred === WIDGETS ? NEW_WIDGETS : WIDGETS;
    return both ? [preferred, other] : [preferred];
  };
  const discovery = (): Discovery => {
    const answers = RESOURCES.filter((one) => served.has(one)).flatMap((one): Served[] => {
      const [resource, ...others] = versionsOf(one).filter((name) => !failing.has(apiVersionOf(name)));
      if (resource === undefined) return [];
      const also = [...others.map((name) => resourceInfo(name).version), ...(one === WIDGETS ? ['v1'] : [])];
      return [{ resource, verbs: ['delete', 'list', 'watch'], also }];
    });
    return { served: answers, failed: [...failing] };
  };
  const announce = (): void => {
    const all = [...watched.values()];
    complete ||= all.length > 0 && all.every(({ synced }) => synced);
    told.tracked({ discovery: discovered, resources: new Map(all.map(({ name, synced }) => [name, { synced }])) });
  };
  const show = (resource: Resource, uid: string, now: ApiObject | undefined): void => {
    const { shelf, name } = watched.get(resource) as Watched;
    const old = shelf.get(uid);
    const memory = known.get(resource) as Map<string, ApiObject>;
    if (now === undefined) {
      shelf.delete(uid);
      memory.delete(uid);
    } else {
      shelf.set(uid, shownAs(name, now));
      memory.set(uid, now);
    }
    if (old !== undefined || now !== undefined) told.fold(name, old, shelf.get(uid));
  };
  const forget = (): void => {
    for (const resource of RESOURCES) {
      if (watched.has(resource)) lastWatched.set(resource, mono());
      else if (mono() - (lastWatched.get(resource) ?? 0) >= REINSTALLED) known.get(resource)?.clear();
    }
  };
  /** Whoever keeps the set of tracked resources looks. */
  const discover = (): void => {
    discovered = withKnown(discovery(), discovered);
    const names = new Map(discovered.served.map(({ resource }) => [storedAs(resource), resource]));
    for (const [resource, { name }] of watched) if (names.get(resource) !== name) watched.delete(resource);
    for (const [resource, name] of names)
      if (!watched.has(resource)) watched.set(resource, { name, since: mono(), synced: false, shelf: new Map() });
    forget();
    announce();
  };
  /** The first list, or one after the watch broke: what happened in between is seen at once, or not at all. */
  const list = (resource: Resource): void => {
    const one = watched.get(resource);
    if (one === undefined || !served.has(resource) || down.has(resource)) return;
    late.set(resource, []);
    const live = new Map(
      server.all().flatMap(([of, object]) => (of === resource ? [[object.metadata?.uid ?? '', object] as const] : [])),
    );
    for (const uid of [...one.shelf.keys()]) if (!live.has(uid)) show(resource, uid, undefined);
    for (const [uid, object] of live)
      if (one.shelf.get(uid)?.metadata?.resourceVersion !== object.metadata?.resourceVersion)
        show(resource, uid, object);
    known.set(resource, new Map(live));
    if (one.synced) return;
    one.synced = true;
    announce();
  };

  return {
    served,
    failing,
    down,
    discover,
    list,
    prefer(resource: Resource, alone: boolean): void {
      preferred = resource;
      both = !alone;
    },
    /** Every version is served. */
    allow(): void {
      both = true;
    },
    deliver(resource: Resource, count: number): void {
      if (!served.has(resource) || watched.get(resource)?.synced !== true) return;
      for (const { uid, now } of (late.get(resource) as Change[]).splice(0, count)) show(resource, uid, now);
    },
    /** Another one begins: with the same caches, or with none. */
    restart(cold: boolean): void {
      complete = false;
      for (const memory of known.values()) memory.clear();
      if (cold) {
        discovered = undefined;
        watched.clear();
        discover();
        return;
      }
      for (const one of watched.values()) one.since = mono();
      announce();
      for (const [resource, { name, shelf }] of watched)
        for (const [uid, object] of shelf) {
          known.get(resource)?.set(uid, object);
          told.fold(name, undefined, object);
        }
    },
    /** As it was shown last. */
    shown: (resource: Resource, uid: string): ApiObject | undefined => known.get(resource)?.get(uid),
    /** Those of which not all is known, and that have not been waited for long enough. */
    awaited: (): ReadonlySet<Resource> =>
      new Set([...watched].flatMap(([one, { synced, since }]) => (synced || mono() - since >= PATIENCE ? [] : [one]))),
    wasComplete: (): boolean => complete,
  };
}
export type TrackingWorld = ReturnType<typeof createTracking>;

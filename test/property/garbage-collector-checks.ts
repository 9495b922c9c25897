import { expect } from 'vitest';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import type { Patch, Plan, Write } from '#core/plan.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import { NEW_WIDGETS, RESOURCES, type Server, storedAs, WIDGETS } from './garbage-collector-server.ts';
import type { TrackingWorld } from './garbage-collector-tracking.ts';

const KINDS = new Map<string, Resource>([
  ...[...RESOURCES, NEW_WIDGETS].map((one) => [kindOf(one), storedAs(one)] as const),
  ['example.com/v1 Widget', WIDGETS],
]);
function kindOf(resource: Resource): string {
  return `${apiVersionOf(resource)} ${resourceInfo(resource).kind}`;
}

export const owners = (object: ApiObject | undefined): readonly OwnerReference[] =>
  object?.metadata?.ownerReferences ?? [];
export const uidOf = (object: ApiObject | undefined): string => object?.metadata?.uid ?? '';
export const ends = (object: ApiObject | undefined): boolean => object?.metadata?.deletionTimestamp !== undefined;

export function resourceNamed({ apiVersion, kind }: OwnerReference): Resource | undefined {
  return KINDS.get(`${apiVersion} ${kind}`);
}

/** What a run could know when it began to look. */
export interface Begun {
  readonly awaited: ReadonlySet<Resource>;
  readonly ready: boolean;
}

/** What no write may ever do. */
export function createChecks(server: Server, tracking: TrackingWorld) {
  const firstSight = new Map<string, ReadonlySet<string>>();
  let deletions = 0;

  /** Who is where a reference says. */
  const ownerOf = (reference: OwnerReference, object: ApiObject): ApiObject | undefined => {
    const resource = resourceNamed(reference);
    if (resource === undefined) return undefined;
    const { namespaced } = resourceInfo(resource);
    const found = server.get(resource, {
      name: reference.name,
      ...(namespaced && { namespace: object.metadata?.namespace }),
    });
    return uidOf(found) === reference.uid ? found : undefined;
  };
  /** Somebody ends it and all that is its own, though it may have been let go of since the dependent was looked at. */
  const waits = (owner: ApiObject): boolean => ends(owner) && server.endsInForeground(uidOf(owner));

  const check = (write: Write, plan: Plan, begun: Begun): void => {
    if (write.verb === 'patch') {
      const { ownerReferences: _, finalizers: __, ...others } = (write.patch.metadata ?? {}) as Record<string, unknown>;
      expect([Object.keys(write.patch), others]).toEqual([['metadata'], {}]);
      return;
    }
    if (write.verb !== 'delete') throw new Error(write.verb);
    expect(begun.ready).toBe(true);
    const { name, namespace, resource, uid } = write.ref;
    const object = server.get(resource, { name, namespace });
    const { resourceVersion } = write;
    // The API server refuses it.
    if (object === undefined || (uid !== undefined && uidOf(object) !== uid)) return;
    if (resourceVersion !== undefined && object.metadata?.resourceVersion !== resourceVersion) return;
    deletions += 1;
    const live = owners(object).flatMap((reference) => ownerOf(reference, object) ?? []);
    expect(live.filter((owner) => !waits(owner))).toEqual([]);
    expect(owners(object).length).toBeGreaterThan(0);
    const { blast } = plan;
    expect(blast?.total).toBeGreaterThan(0);
    if (blast?.evidence !== 'absent') {
      const first = firstSight.get(uidOf(object)) ?? new Set();
      expect(owners(object).some((reference) => first.has(reference.uid))).toBe(true);
    }
  };

  /** The dependents by such references that could be known: they were shown, or their list was to be waited for. */
  const dependents = (
    { awaited }: Begun,
    refers: (reference: OwnerReference, object: ApiObject) => boolean,
  ): readonly ApiObject[] =>
    server.all().flatMap(([resource, object]) => {
      const found = owners(object).find((reference) => refers(reference, object));
      if (found === undefined || !tracking.served.has(resource)) return [];
      const shown = tracking.shown(resource, uidOf(object));
      const does = owners(shown).some((reference) => refers(reference, object));
      // One that was let go of, and named it again before a watch told of either, is not known to.
      const still = Number(shown?.metadata?.resourceVersion) >= server.namedSince(uidOf(object), found.uid);
      return awaited.has(resource) || (does && still) ? [object] : [];
    });
  /** Nobody who was known to have the owner is left behind with the reference. */
  const left = ({ ref }: Patch, begun: Begun): readonly ApiObject[] =>
    dependents(begun, (one, object) => one.uid === ref.uid && ownerOf(one, object) !== undefined);
  /** Who is known to block the owner's end goes first, but for who waits for that end itself. */
  const blockers = ({ ref }: Patch, begun: Begun): readonly ApiObject[] => {
    const waiting = waitersFor(ref.uid ?? '');
    const blocks = (one: OwnerReference, object: ApiObject) =>
      one.uid === ref.uid && one.blockOwnerDeletion === true && ownerOf(one, object) !== undefined;
    return dependents(begun, blocks).filter((one) => !waiting.has(uidOf(one)));
  };
  const waitersFor = (uid: string): ReadonlySet<string> => {
    const waiters = new Set([uid]);
    for (const waiter of waiters)
      for (const [resource, object] of server.all()) {
        if (uidOf(object) !== waiter) continue;
        for (const one of [...owners(object), ...owners(tracking.shown(resource, waiter))])
          if (one.blockOwnerDeletion === true && server.endsInForeground(one.uid)) waiters.add(one.uid);
      }
    return waiters;
  };

  return {
    ownerOf,
    check,
    begin: (): Begun => {
      const awaited = tracking.awaited();
      return { awaited, ready: tracking.wasComplete() || awaited.size === 0 };
    },
    checkEnd(plan: Plan, begun: Begun): void {
      for (const write of plan.chains.flat()) {
        if (write.verb !== 'patch') continue;
        if (write.reason === 'finish-orphan') expect(left(write, begun)).toEqual([]);
        if (write.reason === 'finish-foreground') expect(blockers(write, begun)).toEqual([]);
      }
    },
    sight(uid: string, now: ApiObject | undefined): void {
      if (now === undefined) firstSight.delete(uid);
      else if (!firstSight.has(uid)) firstSight.set(uid, new Set(owners(now).map((one) => one.uid)));
    },
    restart: (): void => firstSight.clear(),
    deletions: () => deletions,
  };
}

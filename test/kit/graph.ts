import { garbageCollector } from '#controllers/cluster/garbage-collector.ts';
import type { Graph } from '#controllers/cluster/garbage-collector-parts/graph.ts';
import type { Derive } from '#core/controller.ts';
import type { OwnerReference } from '#core/k8s/types.gen.ts';
import type { Enqueue } from '#core/plan.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import type { Now } from '#core/time.ts';

export const WIDGETS: Resource = 'example.com/widgets@v2,Widget,namespaced';
export const SERVED: readonly Resource[] = ['core/pods', 'core/configmaps', 'core/nodes', 'apps/replicasets', WIDGETS];
export const START: Now = { wall: Date.parse('2026-01-01T01:00:00Z'), mono: Date.parse('2026-01-01T01:00:00Z') };
const derive = garbageCollector.derive as Derive;

type Meta = { -readonly [K in keyof NonNullable<ApiObject['metadata']>]: NonNullable<ApiObject['metadata']>[K] };

/** An object as live reads and watches of metadata show it; its uid is `uid-` and its name. */
export function thing(resource: Resource, name: string, metadata: Partial<Meta> = {}): ApiObject {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resourceInfo(resource).kind,
    metadata: {
      ...(resourceInfo(resource).namespaced && { namespace: 'a' }),
      name,
      uid: `uid-${name}`,
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
  };
}

export function owner(resource: Resource, name: string, more: Partial<OwnerReference> = {}): OwnerReference {
  return { apiVersion: apiVersionOf(resource), kind: resourceInfo(resource).kind, name, uid: `uid-${name}`, ...more };
}

/** A transition of a watched object. */
export type Seen = readonly [resource: Resource, old: ApiObject | undefined, now: ApiObject | undefined];

/** The graph after these transitions, and what each of them woke. */
export function graphAfter(seen: readonly Seen[], synced = true): { graph: Graph; woke: readonly string[][] } {
  const graph = derive.initial() as Graph;
  follow(graph, SERVED, synced);
  const woke = seen.map(([resource, old, now]) => textOf(derive.fold(graph, resource, old, now, START)));
  return { graph, woke };
}

/** These resources are served and watched from now on. */
export function follow(graph: Graph, served: readonly Resource[], synced = true, at = START): readonly string[] {
  const discovery = {
    served: served.map((resource) => ({
      resource,
      verbs: ['delete', 'list', 'watch'],
      ...(resource === WIDGETS && { also: ['v1'] }),
    })),
    failed: [],
  };
  const resources = new Map(served.map((resource) => [resource, { synced }]));
  return textOf(derive.tracked?.(graph, { discovery, resources }, at) ?? []);
}

/** `delete a/uid-x`, `orphan /uid-y after 1000`. */
export function textOf(wakes: readonly Enqueue[]): string[] {
  return wakes.map(
    ({ loop = '', key, after }) => `${loop.split('_').at(-1)} ${key}${after === undefined ? '' : ` after ${after}`}`,
  );
}

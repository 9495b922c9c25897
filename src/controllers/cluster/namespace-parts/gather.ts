import type { ReadResult, Reads } from '#core/controller.ts';
import type { Discovery, Served } from '#core/discovery.ts';
import type { Namespace } from '#core/k8s/types.gen.ts';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import { weightOf } from '#core/weight.ts';
import type { Check } from './memory.ts';

export const PODS = 'core/pods';

/** Most items that one list brings; those beyond are counted. */
export const PAGE = 1000;

/** One object of the namespace, as much of it as its end needs. */
export interface Item {
  readonly name: string;
  readonly uid: string;
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
}

export interface Listing {
  readonly resource: Resource;
  /** Absent for a look at what is left: nothing is deleted then. */
  readonly verbs?: readonly string[];
  readonly count: number;
  readonly items: readonly Item[];
  /** Why nothing is known of it. */
  readonly error?: string;
}

/** What live reads told. */
export type Facts =
  | { readonly kind: 'undiscovered'; readonly status: number }
  | {
      readonly kind: 'listed';
      readonly failed: readonly string[];
      readonly unreadable: readonly string[];
      readonly pods: Listing;
      /** Absent while there are pods: those go first. */
      readonly others?: readonly Listing[];
      /** Of all that there is; where it was asked for. */
      readonly weight?: number;
    }
  | { readonly kind: 'checked'; readonly lists: readonly Listing[] }
  | { readonly kind: 'live'; readonly namespace: ReadResult<Namespace> };

/** Everything of a namespace. While it has pods the rest is only counted, and only where its weight is not known yet. */
export async function look(namespace: string, reads: Reads, weigh: boolean): Promise<Facts> {
  const found = await reads.discover();
  if (!found.ok) return { kind: 'undiscovered', status: found.status };
  const { failed, unreadable = [] } = found.object;
  const [pods, ...served] = contentOf(found.object);
  const first = await listing(pods, namespace, reads, PAGE);
  // What cannot be listed may be there.
  const podsFirst = first.count > 0 || first.error !== undefined;
  const others: Listing[] = [];
  if (!podsFirst || weigh)
    for (const one of served) others.push(await listing(one, namespace, reads, podsFirst ? 1 : PAGE));
  return {
    kind: 'listed',
    failed,
    unreadable,
    pods: first,
    ...(!podsFirst && { others }),
    ...(weigh && { weight: weightOfAll([first, ...others]) }),
  };
}

/** What is left where something was deleted, pods first. */
export async function lookAgain(namespace: string, { left }: Check, reads: Reads): Promise<Facts> {
  const lists: Listing[] = [];
  for (const resource of left) lists.push(await listing({ resource, verbs: ['list'] }, namespace, reads, PAGE, true));
  return { kind: 'checked', lists };
}

/**
 * Pods, and then whatever in a namespace can be deleted. A group that did not answer is left out even where its
 * resources are known from before: asking it would only tell again that it is away.
 */
function contentOf({ served, failed }: Discovery): readonly [Served, ...Served[]] {
  const away = new Set(failed);
  const others = served.filter(
    ({ resource, verbs }) =>
      resource !== PODS &&
      resourceInfo(resource).namespaced &&
      !away.has(apiVersionOf(resource)) &&
      verbs.includes('delete') &&
      (verbs.includes('list') || verbs.includes('deletecollection')),
  );
  const pods = served.find(({ resource }) => resource === PODS);
  return [pods ?? { resource: PODS, verbs: ['list', 'delete', 'deletecollection'] }, ...others];
}

async function listing(
  { resource, verbs }: Served,
  namespace: string,
  reads: Reads,
  limit: number,
  again = false,
): Promise<Listing> {
  const what = { resource, ...(!again && { verbs }) };
  if (!verbs.includes('list')) return { ...what, count: 0, items: [] };
  const found = await reads.listMetadata(resource, { namespace, limit });
  if (found.ok) {
    const { items, remaining } = found.object;
    return { ...what, count: items.length + remaining, items: items.map(itemOf) };
  }
  // Also a path that is not there: it was told of just now, so what stands behind it may hold anything. Where it is served
  // no longer, the next pass is told so.
  const reason = found.reason === '' ? '' : ` (${found.reason})`;
  return { ...what, count: 0, items: [], error: `status ${found.status}${reason}` };
}

function itemOf({ metadata }: ApiObject): Item {
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    deleting: metadata?.deletionTimestamp !== undefined,
    finalizers: metadata?.finalizers ?? [],
  };
}

function weightOfAll(lists: readonly Listing[]): number {
  const sum = lists.reduce((total, { resource, count }) => total + count * weightOf(resource), 0);
  return Math.round(sum * 10) / 10;
}

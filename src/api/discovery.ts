import type { ReadResult } from '#core/controller.ts';
import type { Discovery, Served } from '#core/discovery.ts';
import { discovered, isResource, resourceInfo } from '#core/resource.ts';
import { TransportError } from './failure.ts';
import type { Reader } from './port.ts';

export interface ServerVersion {
  readonly gitVersion: string;
  readonly major: string;
  readonly minor: string;
}

/** The API server's version. Throws a TransportError when it gives none. */
export async function serverVersion(reader: Reader, identity: string): Promise<ServerVersion> {
  const { status, body } = await reader.get(identity, '/version', { timeout: 10_000 });
  const { gitVersion, major, minor } = (body ?? {}) as Partial<ServerVersion>;
  if (status !== 200 || typeof gitVersion !== 'string' || typeof major !== 'string' || typeof minor !== 'string')
    throw new TransportError('malformed');
  return { gitVersion, major, minor };
}

/** Aggregated discovery: all groups with their resources in two requests. */
const ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/**
 * What the API server serves, each resource in one version of its group. A group whose server is away is named in
 * `failed`. Throws a TransportError when no answer came.
 */
export async function discover(reader: Reader, identity: string): Promise<ReadResult<Discovery>> {
  const parts: Discovery[] = [];
  for (const path of ['/api', '/apis']) {
    const { status, body } = await reader.get(identity, path, { accept: ACCEPT });
    if (status !== 200) return { ok: false, status, reason: 'DiscoveryRefused' };
    const part = readDiscovery(body);
    if (part === undefined) return { ok: false, status, reason: 'Malformed' };
    parts.push(part);
  }
  return { ok: true, object: together(parts) };
}

function together(parts: readonly Discovery[]): Discovery {
  const unreadable = parts.flatMap((part) => part.unreadable ?? []).sort();
  return {
    served: parts.flatMap(({ served }) => served).sort((a, b) => (a.resource < b.resource ? -1 : 1)),
    failed: parts.flatMap(({ failed }) => failed).sort(),
    ...(unreadable.length > 0 && { unreadable }),
  };
}

interface GroupItem {
  readonly metadata?: { readonly name?: unknown };
  readonly versions?: unknown;
}
interface VersionItem {
  readonly version?: unknown;
  readonly freshness?: unknown;
  readonly resources?: unknown;
}
interface ResourceItem {
  readonly resource?: unknown;
  readonly responseKind?: { readonly kind?: unknown };
  readonly scope?: unknown;
  readonly verbs?: unknown;
}

/** Reads an APIGroupDiscoveryList; undefined for anything else. Of what is malformed within, resources are named. */
export function readDiscovery(body: unknown): Discovery | undefined {
  const { kind, items } = (body ?? {}) as { kind?: unknown; items?: unknown };
  if (kind !== 'APIGroupDiscoveryList' || !Array.isArray(items)) return undefined;
  return together(objectsIn<GroupItem>(items).map(readGroup));
}

/** One version of a resource. */
type Version = Served & { readonly version: string };

/** Versions come in the server's order of preference. */
function readGroup({ metadata, versions }: GroupItem): Discovery {
  const group = typeof metadata?.name === 'string' ? metadata.name : '';
  const found = new Map<string, Version[]>();
  const failed: string[] = [];
  const unreadable: string[] = [];
  for (const { version, freshness, resources } of objectsIn<VersionItem>(versions)) {
    if (typeof version !== 'string') continue;
    const groupVersion = group === '' ? version : `${group}/${version}`;
    if (freshness === 'Stale') failed.push(groupVersion);
    for (const item of objectsIn<ResourceItem>(resources)) {
      const plural = textOf(item);
      const one = readResource(item, group, version);
      // Without verbs it is only the parent of subresources: nothing can be done to it.
      if (one === undefined && listed(item.verbs).length > 0) unreadable.push(`${groupVersion} ${plural}`);
      if (one === undefined) continue;
      const others = found.get(plural);
      if (others === undefined) found.set(plural, [one]);
      else others.push(one);
    }
  }
  return { served: [...found.values()].map(chosen), failed, unreadable };
}

/** In the version that is built in where that is served, else in the first; the others of the same kind are noted. */
function chosen(versions: readonly Version[]): Served {
  const { version, ...one } = (versions.find(({ resource }) => isResource(resource)) ?? versions[0]) as Version;
  const { kind } = resourceInfo(one.resource);
  const also = versions
    .filter((other) => other.version !== version && resourceInfo(other.resource).kind === kind)
    .map((other) => other.version);
  return also.length === 0 ? one : { ...one, also };
}

function textOf({ resource }: ResourceItem): string {
  return typeof resource === 'string' ? resource : '';
}

function readResource({ resource: plural, responseKind, scope, verbs }: ResourceItem, group: string, version: string) {
  const kind = responseKind?.kind;
  if (typeof plural !== 'string' || typeof kind !== 'string') return undefined;
  const resource = discovered({ group, version, plural, kind, namespaced: scope === 'Namespaced' });
  if (resource === undefined) return undefined;
  return { resource, version, verbs: listed<unknown>(verbs).filter((verb) => typeof verb === 'string') };
}

function listed<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

function objectsIn<T extends object>(value: unknown): readonly T[] {
  return listed<unknown>(value).filter((one) => typeof one === 'object' && one !== null) as unknown as readonly T[];
}

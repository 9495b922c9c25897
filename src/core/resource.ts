import { RESOURCES, type Resources } from './k8s/resources.gen.ts';
import type { ObjectMeta } from './k8s/types.gen.ts';

/** `<group>/<plural>`, with `core` for the group without a name: `core/pods`, `apps/replicasets`. */
export type Resource = keyof Resources;

/** Any object of the API, as raw JSON. Unknown fields are kept: no model class ever touches it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

export type ObjectOf<R extends Resource> = Resources[R];

export interface ResourceInfo {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Where a resource is served. Throws on a name outside the table: that is a bug, names are compiled in. */
export function resourceInfo(resource: Resource): ResourceInfo {
  if (!Object.hasOwn(RESOURCES, resource)) throw new TypeError(`no built-in resource is named ${resource}`);
  return RESOURCES[resource];
}

export function isResource(name: string): name is Resource {
  return Object.hasOwn(RESOURCES, name);
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(resource: Resource): string {
  const { group, version } = resourceInfo(resource);
  return group === '' ? version : `${group}/${version}`;
}

const PLURALS = new Map<string, Resource>();
for (const name of Object.keys(RESOURCES) as Resource[])
  PLURALS.set(`${apiVersionOf(name)} ${resourceInfo(name).kind}`, name);

/** The resource of an apiVersion and kind, as owner references name them; undefined when it is not built in. */
export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return PLURALS.get(`${apiVersion} ${kind}`);
}

/** `/apis/apps/v1/namespaces/default/replicasets/web/status`; every part is escaped. */
export function pathOf(
  resource: Resource,
  at: { namespace?: string; name?: string; subresource?: string } = {},
): string {
  const { group, version, namespaced } = resourceInfo(resource);
  const parts = group === '' ? ['api', version] : ['apis', group, version];
  if (namespaced && at.namespace !== undefined) parts.push('namespaces', at.namespace);
  parts.push(resource.slice(resource.indexOf('/') + 1));
  if (at.name !== undefined) parts.push(at.name);
  if (at.subresource !== undefined) parts.push(...at.subresource.split('/'));
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

import { RESOURCES, type Resources } from './k8s/resources.gen.ts';
import type { ObjectMeta } from './k8s/types.gen.ts';

/** `<group>/<plural>`, with `core` for the group without a name: `core/pods`, `apps/replicasets`. */
export type BuiltIn = keyof Resources;

/**
 * A resource that only the cluster's discovery tells of (a custom one): `example.com/widgets@v1,Widget,namespaced`. It
 * says all that is needed to address it, so that nothing has to be looked up.
 */
export type Discovered = `${string}/${string}@${string},${string},${'namespaced' | 'cluster'}`;

export type Resource = BuiltIn | Discovered;

/** Any object of the API, as raw JSON. Unknown fields are kept: no model class ever touches it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

export type ObjectOf<R extends Resource> = R extends BuiltIn ? Resources[R] : ApiObject;

export interface ResourceInfo {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Where a resource is served. Throws on a name that is neither built in nor a discovered one's: that is a bug. */
export function resourceInfo(resource: Resource): ResourceInfo {
  if (isResource(resource)) return RESOURCES[resource];
  const info = discoveredInfo(resource);
  if (info === undefined) throw new TypeError(`no resource is named ${resource}`);
  return info;
}

export function isResource(name: string): name is BuiltIn {
  return Object.hasOwn(RESOURCES, name);
}

const DISCOVERED = /^([a-z0-9.-]+)\/([a-z0-9.-]+)@([a-z0-9]+),([A-Za-z0-9-]+),(namespaced|cluster)$/;

function discoveredInfo(resource: string): ResourceInfo | undefined {
  const found = DISCOVERED.exec(resource);
  if (found === null) return undefined;
  const [, group = '', , version = '', kind = '', scope] = found;
  return { group: group === 'core' ? '' : group, version, kind, namespaced: scope === 'namespaced' };
}

/**
 * The name of a resource that discovery told of: the built-in one where that means the same, else one that describes
 * itself, for a built-in name stands for one version only, which need not be served. Undefined for what no path could be
 * made of.
 */
export function discovered(found: ResourceInfo & { readonly plural: string }): Resource | undefined {
  const short = `${found.group === '' ? 'core' : found.group}/${found.plural}`;
  if (isResource(short) && isSame(RESOURCES[short], found)) return short;
  const name = `${short}@${found.version},${found.kind},${found.namespaced ? 'namespaced' : 'cluster'}`;
  return discoveredInfo(name) === undefined ? undefined : (name as Discovered);
}

function isSame(a: ResourceInfo, b: ResourceInfo): boolean {
  return a.version === b.version && a.kind === b.kind && a.namespaced === b.namespaced;
}

/** `replicasets`. */
export function pluralOf(resource: Resource): string {
  return shortName(resource).slice(resource.indexOf('/') + 1);
}

/** `<group>/<plural>` for every resource: what rules, records and metrics call it. */
export function shortName(resource: Resource): string {
  const at = resource.indexOf('@');
  return at < 0 ? resource : resource.slice(0, at);
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(resource: Resource): string {
  const { group, version } = resourceInfo(resource);
  return group === '' ? version : `${group}/${version}`;
}

const PLURALS = new Map<string, BuiltIn>();
for (const name of Object.keys(RESOURCES) as BuiltIn[])
  PLURALS.set(`${apiVersionOf(name)} ${resourceInfo(name).kind}`, name);

/** The resource of an apiVersion and kind, as owner references name them; undefined when it is not built in. */
export function resourceOfKind(apiVersion: string, kind: string): BuiltIn | undefined {
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
  parts.push(pluralOf(resource));
  if (at.name !== undefined) parts.push(at.name);
  if (at.subresource !== undefined) parts.push(...at.subresource.split('/'));
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

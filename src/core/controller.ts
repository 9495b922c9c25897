import type { Discovery } from './discovery.ts';
import type { Json } from './json.ts';
import type { Enqueue, Outcomes, Plan } from './plan.ts';
import type { ApiObject, ObjectOf, Resource } from './resource.ts';
import type { Ms, Now } from './time.ts';
import type { View } from './view.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** One line of a controller's least-privilege role. */
export interface Grant<R extends Resource = Resource, V extends Verb = Verb> {
  readonly kind: 'allow';
  readonly resource: R;
  readonly subresource?: string;
  readonly verbs: readonly V[];
  readonly resourceNames?: readonly string[];
}

/**
 * A right that no request shows, because the API server checks it on the side (`deployments/finalizers` update for
 * blockOwnerDeletion, escalate, sign, approve, attest). Needs a test that takes it away and sees the refusal.
 */
export interface Requirement {
  readonly kind: 'requires';
  readonly group: string;
  /** `replicasets/finalizers`, `signers`. */
  readonly resource: string;
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly why: string;
}

/**
 * The same verbs on every resource that discovery finds, for the two controllers whose work is the whole API. Reads
 * among them are done under the controller's own name.
 */
export interface AnyGrant {
  readonly kind: 'any';
  readonly verbs: readonly Verb[];
}

export type Permission = Grant | AnyGrant | Requirement;

/** The resource that a target such as `apps/replicasets/status` belongs to. */
type Base<T extends string> = T extends Resource
  ? T
  : T extends `${infer G}/${infer P}/${string}`
    ? `${G}/${P}` extends Resource
      ? `${G}/${P}`
      : never
    : never;

/** `allow('apps/replicasets/status', 'patch')`: a resource or one of its subresources, and verbs. */
export function allow<const T extends string, V extends Verb>(
  target: Base<T> extends never ? never : T,
  ...verbs: readonly V[]
): Grant<Base<T>, V> {
  const [group, plural, ...rest] = target.split('/') as [string, string, ...string[]];
  const resource = `${group}/${plural}` as Base<T>;
  return { kind: 'allow', resource, ...(rest.length > 0 && { subresource: rest.join('/') }), verbs };
}

/** The same for objects of these names only. A list or watch so limited is cached by `metadata.name`; create cannot be limited by name. */
export function allowNamed<R extends Resource, V extends Verb>(
  target: R,
  names: readonly string[],
  ...verbs: readonly V[]
): Grant<R, V> {
  return { kind: 'allow', resource: target, verbs, resourceNames: names };
}

/** `allowAny('list', 'delete')`: on every resource, whatever its group, and none of its subresources. */
export function allowAny(...verbs: readonly Verb[]): AnyGrant {
  return { kind: 'any', verbs };
}

export function requires(group: string, resource: string, verbs: readonly string[], why: string): Requirement {
  return { kind: 'requires', group, resource, verbs, why };
}

/** The resources that a controller declares to list: what its view offers, and its mappers see. */
export type Listed<P extends readonly Permission[]> = {
  [I in keyof P]: P[I] extends Grant<infer R, infer V> ? ('list' extends V ? R : never) : never;
}[number];

/** Reads that the cache cannot serve, one after another, as the controller. Errors are data; nothing is thrown. */
export interface Reads {
  get<R extends Resource>(resource: R, at: { namespace?: string; name: string }): Promise<ReadResult<ObjectOf<R>>>;
  /** The object's metadata and nothing else of it. */
  metadata(resource: Resource, at: { namespace?: string; name: string }): Promise<ReadResult<ApiObject>>;
  /** A consistent list of metadata, at most `limit` items; `remaining` counts those beyond, where the server tells. */
  listMetadata(resource: Resource, at: { namespace?: string; limit: number }): Promise<ReadResult<MetadataList>>;
  /** What the API server serves now. */
  discover(): Promise<ReadResult<Discovery>>;
}
export type ReadResult<T> =
  | { readonly ok: true; readonly object: T }
  /** `status` 0: no answer came. */
  | { readonly ok: false; readonly status: number; readonly reason: string };

export interface MetadataList {
  readonly items: readonly ApiObject[];
  readonly remaining: number;
}

/** Everything a decision may rest on: frozen, and the same arguments give the same plan. */
export interface Input<L extends Resource, O> {
  /** The queue's key: `namespace/name` for a resource, `singleton`, or the loop's own string. */
  readonly key: string;
  /** The object of that key; undefined when it is gone (or the key is no resource's). */
  readonly object: O | undefined;
  readonly view: View<L>;
  readonly memory: Json | undefined;
  readonly derived: unknown;
  readonly facts: unknown;
  readonly now: Now;
  /** 64 hexadecimal digits, fresh for each run; the only randomness a controller sees. */
  readonly seed: string;
  readonly settings: ControllerSettings;
}

/** Cluster-wide settings that a controller may read; frozen at start. */
export interface ControllerSettings {
  /** PEM of `--root-ca-file`, else the CA of the kubeconfig; undefined: nothing is published. */
  readonly rootCa?: string;
  /** How many terminated pods may exist before the oldest are deleted; 0 or less: any number; undefined: 12,500. */
  readonly terminatedPodGcThreshold?: number;
  /** How many endpoints an EndpointSlice may hold; undefined: 100. */
  readonly maxEndpointsPerSlice?: number;
  /** How long a pod's change waits for others before EndpointSlices follow it; undefined: not at all. */
  readonly endpointSliceUpdatesBatchPeriod?: Ms;
  /** The same for Endpoints. */
  readonly endpointUpdatesBatchPeriod?: Ms;
  /** How long a namespace that ends may be left alone at most; undefined: 5 minutes. */
  readonly namespaceSyncPeriod?: Ms;
}

/** A key to run, now or after a delay. */
export interface Wake {
  readonly key: string;
  readonly after?: Ms;
}

/** Sees one transition of a cached object (`old` absent: added, `now` absent: gone) and says which keys it concerns. */
export type Mapper<L extends Resource, R extends Resource> = (
  old: ObjectOf<R> | undefined,
  now: ObjectOf<R> | undefined,
  view: View<L>,
  settings: ControllerSettings,
) => readonly Wake[];

export interface Backoff {
  /** First delay and largest one of a key that fails, doubling. Upstream's default: 5 ms to 1000 s. */
  readonly base: Ms;
  readonly max: Ms;
}

export interface Loop<L extends Resource, K extends Resource | 'singleton' | 'string'> {
  /** Upstream's queue name: a metric label, never changes. */
  readonly queue: string;
  /** What the keys are: a listed resource (its own transitions wake it), one key in all, or the loop's own strings. */
  readonly key: K;
  readonly on?: { readonly [R in L]?: Mapper<L, R> };
  /** Wakes the loop's every key (or the singleton) at this interval. */
  readonly every?: Ms;
  /** How many keys run at once by default; the flag that overrides it is `--concurrent-<flag>-syncs`. */
  readonly workers: number;
  readonly workersFlag?: string;
  readonly backoff?: Backoff;
  /** Never runs the same key at once with that loop of the same controller. */
  readonly serialWith?: string;
  readonly gather?: (input: Omit<Input<L, LoopObject<K>>, 'facts'>, reads: Reads) => Promise<unknown>;
  readonly reconcile: (input: Input<L, LoopObject<K>>) => Plan;
  /** Sees what became of the plan's writes; may plan status writes, events and memory; is not settled again. */
  readonly settle?: (input: Input<L, LoopObject<K>>, outcomes: Outcomes, plan: Plan) => Plan;
}
export type LoopObject<K> = K extends Resource ? ObjectOf<K> : undefined;

/**
 * Shared structure folded from watch events (a graph, a bitmap): read-only to reconcile, empty at each new era. The folds
 * own `state` and change it in place; what they return are keys to run. A controller with an `any` permission to watch
 * gets the transitions of every tracked resource, `now` and `old` with their metadata at least.
 */
export interface Derive<S = unknown> {
  initial(): S;
  fold(
    state: S,
    resource: Resource,
    old: ApiObject | undefined,
    now: ApiObject | undefined,
    at: Now,
  ): readonly Enqueue[];
  /** Which resources are tracked, after each change of it: `synced` ones are known completely. */
  tracked?(state: S, tracking: Tracking, at: Now): readonly Enqueue[];
  /** Takes what a plan of this controller learnt by live reads (`plan.learnt`). */
  learn?(state: S, learnt: Json, at: Now): readonly Enqueue[];
}

/** The resources whose metadata is watched because discovery tells of them. */
export interface Tracking {
  /** The last discovery that told anything; undefined before the first. */
  readonly discovery: Discovery | undefined;
  /** By resource, whether all of it is known: it was listed completely, and nothing has cast doubt on that since. */
  readonly resources: ReadonlyMap<Resource, { readonly synced: boolean }>;
}

export interface Definition<P extends readonly Permission[]> {
  /** Upstream's canonical name without `-controller`; an id everywhere, never changes. */
  readonly name: string;
  /** Upstream's aliases, accepted by `--controllers`. */
  readonly aliases?: readonly string[];
  /** Upstream's role (service account in kube-system), for naming mode `upstream`. */
  readonly upstreamRole: string;
  /** One sentence: what it does. Rendered into the documentation. */
  readonly does: string;
  readonly rbac: P;
  /** Whether it writes Events; adds `create, patch` on events to its role. */
  readonly events: boolean;
  readonly loops: readonly { [K in Listed<P> | 'singleton' | 'string']: Loop<Listed<P>, K> }[
    | Listed<P>
    | 'singleton'
    | 'string'][];
  readonly derive?: Derive;
}

/** A controller as the machinery sees it: types of single resources are gone, behaviour is the same. */
export interface Controller {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly upstreamRole: string;
  readonly does: string;
  readonly rbac: readonly Permission[];
  readonly events: boolean;
  readonly loops: readonly AnyLoop[];
  readonly derive?: Derive;
}

export interface AnyLoop {
  readonly queue: string;
  readonly key: Resource | 'singleton' | 'string';
  readonly on: {
    readonly [R in Resource]?: (
      old: ApiObject | undefined,
      now: ApiObject | undefined,
      view: View<Resource>,
      settings: ControllerSettings,
    ) => readonly Wake[];
  };
  readonly every?: Ms;
  readonly workers: number;
  readonly workersFlag?: string;
  readonly backoff: Backoff;
  readonly serialWith?: string;
  readonly gather?: (input: Omit<Input<Resource, ApiObject>, 'facts'>, reads: Reads) => Promise<unknown>;
  readonly reconcile: (input: Input<Resource, ApiObject>) => Plan;
  readonly settle?: (input: Input<Resource, ApiObject>, outcomes: Outcomes, plan: Plan) => Plan;
}

export const DEFAULT_BACKOFF: Backoff = { base: 5, max: 1_000_000 };

/** Checks a declaration once, at import; throws on a contradiction. Those are bugs, not input. */
export function defineController<const P extends readonly Permission[]>(definition: Definition<P>): Controller {
  const { name, loops, rbac } = definition;
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new TypeError(`naming a controller "${name}"`);
  if (loops.length === 0) throw new TypeError(`declaring ${name} without a loop`);
  const queues = new Set(loops.map((loop) => loop.queue));
  if (queues.size !== loops.length) throw new TypeError(`declaring ${name} with two loops of one queue name`);
  const listed = new Set<string>(listedBy(rbac));
  for (const loop of loops) {
    if (loop.key !== 'singleton' && loop.key !== 'string' && !listed.has(loop.key)) {
      throw new TypeError(`declaring ${name}: the loop's key ${loop.key} is not listed in rbac`);
    }
    for (const resource of Object.keys(loop.on ?? {})) {
      if (!listed.has(resource))
        throw new TypeError(`declaring ${name}: it maps ${resource}, which rbac does not list`);
    }
  }
  return {
    ...definition,
    aliases: definition.aliases ?? [],
    loops: loops.map((loop) => ({
      ...loop,
      on: loop.on ?? {},
      backoff: loop.backoff ?? DEFAULT_BACKOFF,
    })) as unknown as readonly AnyLoop[],
  } as unknown as Controller;
}

/** Whether it watches everything that discovery tells of. */
export function watchesAll(permissions: readonly Permission[]): boolean {
  return permissions.some((permission) => permission.kind === 'any' && permission.verbs.includes('watch'));
}

/** The resources whose objects the shared cache must hold for this controller. */
export function listedBy(permissions: readonly Permission[]): Resource[] {
  const found = permissions.flatMap((p) =>
    p.kind === 'allow' && p.subresource === undefined && p.verbs.includes('list') ? [p.resource] : [],
  );
  return [...new Set(found)];
}

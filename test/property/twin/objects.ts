import { deepFreeze, jsonEqual } from '#core/json.ts';
import type { Namespace, ObjectMeta, Pod } from '#core/k8s/types.gen.ts';
import { keyOfObject } from '#core/ref.ts';
import { type ApiObject, apiVersionOf, type BuiltIn, resourceInfo } from '#core/resource.ts';
import { formatTime } from '#core/time.ts';
import { START_WALL } from './sim.ts';

export type Metadata = ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
/** As the server holds it: frozen, never changed in place. */
export interface Stored extends ApiObject {
  readonly metadata: Metadata;
  readonly spec?: object;
  readonly status?: object;
}

export interface ServerEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: BuiltIn;
  readonly rv: number;
  readonly object: Stored;
}

export const SERVED: readonly BuiltIn[] = [
  'core/namespaces',
  'core/resourcequotas',
  'core/pods',
  'core/configmaps',
  'core/events',
  'apps/replicasets',
  'apps/deployments',
  'coordination.k8s.io/leases',
];

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** What was there at one revision. */
export interface Snapshot {
  readonly revision: number;
  readonly shelves: ReadonlyMap<BuiltIn, ReadonlyMap<string, Stored>>;
}

/** etcd and what the API server does to objects on their way in: names, uids, versions, generations, finalizers. */
export class Objects {
  revision = 1000;
  compacted = 999;
  log: ServerEvent[] = [];
  readonly #shelves = new Map<BuiltIn, Map<string, Stored>>(SERVED.map((resource) => [resource, new Map()]));
  readonly #listeners: ((event: ServerEvent) => void)[] = [];
  readonly #now: () => number;
  #uids = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  onEvent(listener: (event: ServerEvent) => void): void {
    this.#listeners.push(listener);
  }

  all(resource: BuiltIn): readonly Stored[] {
    return [...this.#shelf(resource).values()];
  }

  get(resource: BuiltIn, key: string): Stored | undefined {
    return this.#shelf(resource).get(key);
  }

  /** Undefined where no object of any kind has that uid now. */
  byUid(uid: string): Stored | undefined {
    for (const shelf of this.#shelves.values())
      for (const object of shelf.values()) if (object.metadata.uid === uid) return object;
    return undefined;
  }

  create(resource: BuiltIn, given: ApiObject): Stored {
    this.#uids += 1;
    const metadata = {
      ...given.metadata,
      uid: `uid-${this.#uids}`,
      creationTimestamp: formatTime(START_WALL + this.#now()),
      generation: 1,
    };
    const identity = { apiVersion: apiVersionOf(resource), kind: resourceInfo(resource).kind };
    return this.#put(resource, 'ADDED', { ...given, ...identity, metadata } as Stored);
  }

  /** The new state of an object. What changes nothing gets no new version; what nothing holds any more is gone. */
  update(resource: BuiltIn, old: Stored, wanted: ApiObject): Stored {
    const { resourceVersion, generation = 1 } = old.metadata;
    const next = { ...wanted, metadata: { ...wanted.metadata, resourceVersion, generation } } as Stored;
    if (jsonEqual(next, old)) return old;
    const isEnd = old.metadata.deletionTimestamp === undefined && next.metadata.deletionTimestamp !== undefined;
    const metadata =
      isEnd || !jsonEqual(next.spec ?? null, old.spec ?? null)
        ? { ...next.metadata, generation: generation + 1 }
        : next.metadata;
    const changed = { ...next, metadata } as Stored;
    if (!isOver(changed)) return this.#put(resource, 'MODIFIED', changed);
    this.remove(resource, old, changed);
    // As the real one: the last finalizer's patch answers with the version from before it.
    return changed;
  }

  remove(resource: BuiltIn, old: Stored, last: Stored = old): void {
    this.#shelf(resource).delete(keyOfObject(old));
    this.revision += 1;
    const metadata = { ...last.metadata, resourceVersion: String(this.revision) };
    this.#tell({ type: 'DELETED', resource, rv: this.revision, object: deepFreeze({ ...last, metadata }) });
  }

  snapshot(): Snapshot {
    const shelves = new Map([...this.#shelves].map(([resource, shelf]) => [resource, new Map(shelf)] as const));
    return { revision: this.revision, shelves };
  }

  /** Everything is as it was then, also the revisions; nobody is told. */
  restore({ revision, shelves }: Snapshot): void {
    this.revision = revision;
    this.log = [];
    this.compacted = revision;
    for (const [resource, shelf] of shelves) this.#shelves.set(resource, new Map(shelf));
  }

  /** Watches from before now get 410. */
  compact(): void {
    this.compacted = this.revision;
    this.log = [];
  }

  #shelf(resource: BuiltIn): Map<string, Stored> {
    const shelf = this.#shelves.get(resource);
    if (shelf === undefined) throw new TypeError(`the simulated server does not serve ${resource}`);
    return shelf;
  }

  #put(resource: BuiltIn, type: 'ADDED' | 'MODIFIED', object: Stored): Stored {
    this.revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.revision) };
    const stored = deepFreeze({ ...object, metadata });
    this.#shelf(resource).set(keyOfObject(stored), stored);
    this.#tell({ type, resource, rv: this.revision, object: stored });
    return stored;
  }

  #tell(event: ServerEvent): void {
    this.log.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function isOver({ kind, metadata, spec }: Stored): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0) return false;
  if (kind === 'Namespace' && ((spec as Namespace['spec'])?.finalizers ?? []).length > 0) return false;
  return kind !== 'Pod' || deletionGracePeriodSeconds === 0;
}

export type Propagation = 'Foreground' | 'Background' | 'Orphan';

/** The object as a DELETE leaves it; the caller updates, and it is gone where nothing holds it. */
export function ending(object: Stored, wall: number, propagation: Propagation | undefined, grace?: number): Stored {
  const { finalizers = [], deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  const others = finalizers.filter((one) => one !== FOREGROUND && one !== ORPHAN);
  const asked = propagation === 'Foreground' ? [FOREGROUND] : propagation === 'Orphan' ? [ORPHAN] : [];
  const kept = propagation === undefined ? finalizers : [...others, ...asked];
  const period = graceOf(object, deletionGracePeriodSeconds, grace);
  const { finalizers: _, ...rest } = object.metadata;
  const metadata = {
    ...rest,
    ...(kept.length > 0 && { finalizers: kept }),
    deletionTimestamp: deletionTimestamp ?? formatTime(wall + period * 1000),
    deletionGracePeriodSeconds: period,
  };
  return { ...object, metadata };
}

/** Only pods that were placed on a node are waited for. */
function graceOf(object: Stored, before: number | undefined, asked: number | undefined): number {
  if (object.kind !== 'Pod') return 0;
  const { spec, status } = object as unknown as Pod;
  if (spec?.nodeName === undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0;
  return Math.min(before ?? 30, asked ?? 30);
}

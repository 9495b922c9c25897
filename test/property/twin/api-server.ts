import { patched } from '#core/patch.ts';
import { keyOf } from '#core/ref.ts';
import { type ApiObject, type BuiltIn, isResource, pluralOf, resourceInfo } from '#core/resource.ts';
import { ending, Objects, ORPHAN, type Propagation, SERVED, type Stored } from './objects.ts';
import { type Sim, START_WALL } from './sim.ts';

/** A request as it reaches the server. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
  readonly auditId: string;
  readonly user: string;
  readonly process: string;
}

export interface Served {
  readonly status: number;
  readonly body: unknown;
}

/** One line of the audit log: what an outsider knows of a mutation. */
export interface Audited {
  readonly auditId: string;
  readonly user: string;
  readonly process: string;
  readonly method: string;
  readonly resource: BuiltIn;
  readonly name: string;
  code: number;
  /** Whether the storage did it, whatever the answer says. */
  readonly done: boolean;
  /** Of the object in the answer. */
  readonly uid: string | undefined;
  readonly rv: string | undefined;
  readonly at: number;
}

/** Told of each mutation before it changes anything, and after. */
export interface Witness {
  before(request: Arrived, place: Place, target: Stored | undefined): void;
  after(request: Arrived, place: Place, answer: Served): void;
}

export interface Place {
  readonly resource: BuiltIn;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
}

const METADATA = 'PartialObjectMetadata';

/** Answers requests as kube-apiserver would; time, loss and trouble are the wire's. */
export class ApiServer {
  readonly objects: Objects;
  readonly audit: Audited[] = [];
  readonly #sim: Sim;
  readonly #pages = new Map<string, { readonly rv: number; readonly items: readonly Stored[] }>();
  witness: Witness | undefined;

  constructor(sim: Sim) {
    this.#sim = sim;
    this.objects = new Objects(() => sim.time);
  }

  read(path: string, accept = ''): Served {
    if (path.startsWith('/api?') || path === '/api' || path === '/apis') return discoveryOf(path);
    const place = placeOf(path);
    const partial = accept.includes(METADATA);
    return place.name === undefined ? this.#list(place, partial) : this.#get(place, partial);
  }

  write(request: Arrived): Served {
    const place = placeOf(request.path);
    const body = JSON.parse(request.body ?? '{}') as ApiObject;
    const key = keyOf({ namespace: place.namespace, name: place.name ?? body.metadata?.name ?? '' });
    const found = this.objects.get(place.resource, key);
    this.witness?.before(request, place, found);
    const answer = this.#mutate(request, place, body, found);
    this.#note(request, place, body.metadata?.name, answer);
    this.witness?.after(request, place, answer);
    return answer;
  }

  /** Refused before it came to the object: by priority and fairness, by RBAC, or by a server that is going away. */
  refuse(request: Arrived, answer: Served): void {
    this.#note(request, placeOf(request.path), undefined, answer);
  }

  #note(request: Arrived, place: Place, given: string | undefined, answer: Served): void {
    const { uid, resourceVersion } = answer.status < 300 ? ((answer.body as ApiObject).metadata ?? {}) : {};
    const { auditId, user, process, method } = request;
    const { resource } = place;
    const name = place.name ?? given ?? '';
    const event = { auditId, user, process, method, resource, name, code: answer.status, at: this.#sim.time };
    this.audit.push({ ...event, done: answer.status < 300, uid, rv: resourceVersion });
  }

  #list({ resource, namespace, query }: Place, partial: boolean): Served {
    const name = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1];
    const limit = Number(query.get('limit') ?? '0') || Number.POSITIVE_INFINITY;
    const [token = '', from = '0'] = (query.get('continue') ?? '').split(':');
    const page = token === '' ? undefined : this.#pages.get(token);
    if (token !== '' && page === undefined) return status(410, 'Expired');
    const rv = page?.rv ?? this.objects.revision;
    const items =
      page?.items ??
      this.objects
        .all(resource)
        .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
        .filter(({ metadata }) => name === undefined || metadata.name === name);
    const end = Number(from) + limit;
    const next = end < items.length ? token || `${rv}-${this.#pages.size}` : '';
    if (next !== '') this.#pages.set(next, { rv, items });
    const shown = items.slice(Number(from), end).map((object) => (partial ? metadataOf(object) : object));
    const metadata = { resourceVersion: String(rv), ...(next !== '' && { continue: `${next}:${end}` }) };
    const kind = partial ? `${METADATA}List` : `${resourceInfo(resource).kind}List`;
    return { status: 200, body: { kind, metadata, items: partial && shown.length === 0 ? null : shown } };
  }

  #get({ resource, namespace, name = '' }: Place, partial: boolean): Served {
    const found = this.objects.get(resource, keyOf({ namespace, name }));
    if (found === undefined) return status(404, 'NotFound', { details: { name } });
    return { status: 200, body: partial ? metadataOf(found) : found };
  }

  #mutate(request: Arrived, place: Place, body: ApiObject, found: Stored | undefined): Served {
    if (request.method === 'POST') return this.#create(place, body, found);
    if (found === undefined) return status(404, 'NotFound', { details: { name: place.name } });
    if (request.method === 'DELETE') return this.#delete(place, body, found);
    return request.method === 'PATCH' ? this.#patch(request, place, body, found) : this.#replace(place, body, found);
  }

  #create({ resource }: Place, body: ApiObject, found: Stored | undefined): Served {
    if (found !== undefined) return status(409, 'AlreadyExists', { details: { name: found.metadata.name } });
    const made = resource === 'core/pods' ? { ...body, status: { phase: 'Pending' } } : body;
    return { status: 201, body: this.objects.create(resource, made) };
  }

  #patch({ contentType = '' }: Arrived, place: Place, body: ApiObject, found: Stored): Served {
    const { uid, resourceVersion, ...metadata } = body.metadata ?? {};
    if (uid !== undefined && uid !== found.metadata.uid)
      return status(422, 'Invalid', { details: { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.uid' }] } });
    if (resourceVersion !== undefined && resourceVersion !== found.metadata.resourceVersion)
      return status(409, 'Conflict', { details: { name: found.metadata.name } });
    const type = contentType.includes('strategic') ? 'strategic' : 'merge';
    const patch = { ...body, metadata } as never;
    const whole = patched(found, { type, patch } as never) as Stored;
    // The status is changed through its subresource alone, and nothing else is through it.
    const wanted =
      place.subresource === 'status'
        ? { ...found, metadata: { ...found.metadata, ...annotationsOf(whole) }, status: whole.status }
        : { ...whole, ...(found.status !== undefined && { status: found.status }) };
    return { status: 200, body: this.objects.update(place.resource, found, wanted as ApiObject) };
  }

  #replace({ resource }: Place, body: ApiObject, found: Stored): Served {
    const { uid, resourceVersion } = body.metadata ?? {};
    if ((uid !== undefined && uid !== found.metadata.uid) || resourceVersion !== found.metadata.resourceVersion)
      return status(409, 'Conflict', { details: { name: found.metadata.name } });
    return { status: 200, body: this.objects.update(resource, found, body) };
  }

  #delete({ resource }: Place, body: unknown, found: Stored): Served {
    const { preconditions, propagationPolicy, gracePeriodSeconds } = body as {
      preconditions?: { uid?: string; resourceVersion?: string };
      propagationPolicy?: Propagation;
      gracePeriodSeconds?: number;
    };
    const { name, uid, resourceVersion } = found.metadata;
    const said = `Operation cannot be fulfilled on ${pluralOf(resource)} "${name}": `;
    if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
      const message = `${said}the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}).`;
      return status(409, 'Conflict', { message });
    }
    if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
      const message = `${said}the ResourceVersion in the precondition does not match`;
      return status(409, 'Conflict', { message });
    }
    return this.end(resource, found, propagationPolicy, gracePeriodSeconds);
  }

  /** Deletes as anybody would; tenants call this without the wire. */
  end(resource: BuiltIn, found: Stored, propagation?: Propagation, grace?: number): Served {
    const wanted = ending(found, START_WALL + this.#sim.time, propagation, grace);
    const left = this.objects.update(resource, found, wanted);
    if (this.objects.get(resource, keyOf(left.metadata)) !== undefined) return { status: 200, body: left };
    // Graceful kinds answer with the object, the others with a Status.
    if (resource === 'core/pods') return { status: 200, body: left };
    return { status: 200, body: { kind: 'Status', status: 'Success', details: { uid: found.metadata.uid } } };
  }
}

const annotationsOf = ({ metadata: { annotations } }: Stored) => (annotations === undefined ? {} : { annotations });

export function status(code: number, reason: string, more: object = {}): Served {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, ...more } };
}

/** What is read is nobody else's: the reader may change and freeze it. */
export const overTheWire = <T>(body: T): T => JSON.parse(JSON.stringify(body)) as T;

export function metadataOf({ metadata }: Stored): object {
  return { kind: METADATA, apiVersion: 'meta.k8s.io/v1', metadata };
}

/** Where a path leads; throws on what is not served, which is a bug of the simulation. */
export function placeOf(path: string): Place {
  const url = new URL(path, 'https://simulated');
  const parts = url.pathname.split('/').slice(1).map(decodeURIComponent);
  const group = parts[0] === 'api' ? 'core' : (parts[1] ?? '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [plural = '', name, ...sub] = namespaced ? rest.slice(2) : rest;
  const resource = `${group}/${plural}`;
  if (!isResource(resource) || !SERVED.includes(resource)) throw new TypeError(`nothing is served at ${url.pathname}`);
  return {
    resource,
    namespace: namespaced ? rest[1] : undefined,
    name,
    subresource: sub.length === 0 ? undefined : sub.join('/'),
    query: url.searchParams,
  };
}

/** Whether its owner is to end alone. */
export const leavesOrphans = ({ metadata }: Stored): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(ORPHAN);

/** What nothing owns is left out, so that a story's seconds go to what matters. */
const UNTOLD: readonly BuiltIn[] = ['core/events', 'coordination.k8s.io/leases'];
const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

function discoveryOf(path: string): Served {
  const core = !path.startsWith('/apis');
  const groups = new Map<string, object[]>();
  for (const resource of SERVED) {
    const { group, version, kind, namespaced } = resourceInfo(resource);
    if ((group === '') !== core || UNTOLD.includes(resource)) continue;
    const item = { resource: pluralOf(resource), responseKind: { group, version, kind }, verbs: VERBS };
    const scope = namespaced ? 'Namespaced' : 'Cluster';
    groups.set(group, [...(groups.get(group) ?? []), { ...item, scope }]);
  }
  const items = [...groups].map(([name, resources]) => ({
    metadata: { name },
    versions: [{ version: 'v1', resources, freshness: 'Current' }],
  }));
  return { status: 200, body: { kind: 'APIGroupDiscoveryList', items } };
}

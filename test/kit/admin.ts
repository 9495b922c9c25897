import { parseAllDocuments } from 'yaml';
import {
  type ApiObject,
  apiVersionOf,
  type ObjectOf,
  pathOf,
  type Resource,
  resourceInfo,
  resourceOfKind,
} from '#core/resource.ts';
import { states } from '#kit/watching.ts';
import { ApiClient, type CallAnswer, type CallOptions, type Endpoint } from '#local/client.ts';
import type { LocalCluster } from '#local/local-cluster.ts';

/** A resource of the table, or any path of the API server, `/apis/…`, which is then taken as it is. */
export type Target = Resource | `/${string}`;
export type Got<T extends Target> = T extends Resource ? ObjectOf<T> : ApiObject;

export interface Place {
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

export interface Selection {
  readonly namespace?: string;
  /** Of labels: `app=web,tier!=db`. */
  readonly selector?: string;
  readonly fields?: string;
  /** The first so many of them, however many there are. */
  readonly limit?: number;
}

export interface Extra {
  readonly headers?: Readonly<Record<string, string>>;
  /** Query parameters: `{ dryRun: 'All' }`. */
  readonly query?: Readonly<Record<string, string>>;
}

export interface Patience {
  /** Milliseconds; 30 seconds by default. */
  readonly timeout?: number;
  /** What is waited for, as the error will name it. */
  readonly why: string;
}

const PATCHES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
} as const;

/** An answer that is not 2xx. Unlike Comptroller's own errors it carries the message: tests want to see it. */
export class AdminError extends Error {
  readonly status: number;
  /** `metav1.Status.reason`: NotFound, Forbidden, Invalid, … */
  readonly reason: string;
  readonly body: unknown;

  constructor(method: string, path: string, answer: CallAnswer) {
    const { reason = '', message = '' } = (answer.body ?? {}) as { reason?: string; message?: string };
    super(`${method} ${path}: ${answer.status} ${reason} ${message}`.trim());
    this.status = answer.status;
    this.reason = reason;
    this.body = answer.body;
  }
}

/** What a person with a client certificate does to a cluster. Answers that are not 2xx are thrown, but for `get`'s 404. */
export class Admin {
  readonly #client: ApiClient;

  constructor(endpoint: Endpoint) {
    this.#client = new ApiClient(endpoint);
  }

  /** The same server as somebody else: another certificate, or nobody at all. */
  as(certFile?: string, keyFile?: string): Admin {
    const { server, caFile } = this.#client.endpoint;
    return new Admin({ server, caFile, ...(certFile && keyFile ? { certFile, keyFile } : {}) });
  }

  /** Any request; the answer as it is, whatever its status. */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: CallOptions): Promise<CallAnswer> {
    return this.#client.call(method, path, options);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Undefined when there is none. */
  async get<T extends Target>(target: T, place: Place = {}, extra: Extra = {}): Promise<Got<T> | undefined> {
    const path = pathTo(target, place, extra);
    const answer = await this.#client.call('GET', path, extra);
    if (answer.status === 404) return undefined;
    return checked('GET', path, answer) as Got<T>;
  }

  async list<T extends Target>(target: T, selection: Selection = {}): Promise<readonly Got<T>[]> {
    const path = pathTo(target, placeOf(selection), { query: queryOf(selection) });
    const body = checked('GET', path, await this.#client.call('GET', path));
    return (body as { items: Got<T>[] }).items;
  }

  /** Fills in apiVersion, kind and, from the object, the namespace. */
  create<T extends Target>(target: T, object: object, place: Place = {}, extra: Extra = {}): Promise<Got<T>> {
    const namespace = place.namespace ?? (object as ApiObject).metadata?.namespace;
    const at = namespace === undefined ? place : { ...place, namespace };
    // A subresource has a kind of its own (Binding, Eviction, Scale), which only the caller knows.
    const body = place.subresource === undefined ? typed(target, object) : object;
    return this.#send('POST', pathTo(target, at, extra), { ...extra, body });
  }

  /** `strategic` and `merge` take an object, `json` a list of operations. */
  patch<T extends Target>(
    target: T,
    place: Place,
    patch: object,
    type: keyof typeof PATCHES = 'merge',
    extra: Extra = {},
  ): Promise<Got<T>> {
    return this.#send('PATCH', pathTo(target, place, extra), { ...extra, body: patch, contentType: PATCHES[type] });
  }

  replace<T extends Target>(target: T, object: ApiObject, place: Place = {}, extra: Extra = {}): Promise<Got<T>> {
    const at = { ...placeOfObject(object), ...place };
    return this.#send('PUT', pathTo(target, at, extra), { ...extra, body: typed(target, object) });
  }

  /** Server-side apply, by force. */
  apply<T extends Target>(target: T, object: ApiObject, place: Place = {}): Promise<Got<T>> {
    const query = { fieldManager: 'admin', force: 'true' };
    return this.#send('PATCH', pathTo(target, { ...placeOfObject(object), ...place }, { query }), {
      body: typed(target, object),
      contentType: 'application/apply-patch+yaml',
    });
  }

  /** Applies every document in order; kinds outside the built-in table are looked up at the API server. */
  async applyYaml(text: string): Promise<readonly ApiObject[]> {
    const applied: ApiObject[] = [];
    for (const document of parseAllDocuments(text)) {
      if (document.errors[0] !== undefined) throw document.errors[0];
      const value = document.toJS() as (ApiObject & { items?: ApiObject[] }) | null;
      const objects = value === null ? [] : value.kind === 'List' ? (value.items ?? []) : [value];
      for (const object of objects) applied.push(await this.apply(await this.#targetOf(object), object));
    }
    return applied;
  }

  /** Whether there was one to delete. */
  async delete(target: Target, place: Place = {}, options: object = {}, extra: Extra = {}): Promise<boolean> {
    const path = pathTo(target, place, extra);
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    const answer = await this.#client.call('DELETE', path, { ...extra, body });
    if (answer.status === 404) return false;
    checked('DELETE', path, answer);
    return true;
  }

  async deleteCollection(target: Target, selection: Selection = {}, options: object = {}): Promise<void> {
    await this.delete(target, placeOf(selection), options, { query: queryOf(selection) });
  }

  /** Watches one object until the predicate holds; it sees undefined while there is none. */
  waitFor<T extends Target>(
    target: T,
    { namespace, name }: { readonly namespace?: string; readonly name: string },
    predicate: (object: Got<T> | undefined) => boolean,
    patience: Patience,
  ): Promise<Got<T> | undefined> {
    const selection = { ...(namespace === undefined ? {} : { namespace }), fields: `metadata.name=${name}` };
    return this.#wait(target, selection, (objects) => objects[0] as Got<T> | undefined, predicate, patience);
  }

  /** Watches all objects of a selection until the predicate holds for them together. */
  waitForAll<T extends Target>(
    target: T,
    selection: Selection,
    predicate: (objects: readonly Got<T>[]) => boolean,
    patience: Patience,
  ): Promise<readonly Got<T>[]> {
    return this.#wait(target, selection, (objects) => objects as readonly Got<T>[], predicate, patience);
  }

  async #wait<S>(
    target: Target,
    selection: Selection,
    pick: (objects: readonly ApiObject[]) => S,
    predicate: (seen: S) => boolean,
    { timeout = 30_000, why }: Patience,
  ): Promise<S> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), timeout);
    const path = pathTo(target, placeOf(selection), { query: queryOf(selection) });
    let last: S | undefined;
    try {
      for await (const objects of states(this.#client, path, end.signal)) {
        last = pick([...objects.values()]);
        if (predicate(last)) return last;
      }
    } finally {
      clearTimeout(timer);
      end.abort();
    }
    throw new Error(`waited ${timeout} ms in vain for ${why}; last seen: ${JSON.stringify(last)?.slice(0, 2000)}`);
  }

  async #send<T extends Target>(method: 'POST' | 'PUT' | 'PATCH', path: string, options: CallOptions): Promise<Got<T>> {
    return checked(method, path, await this.#client.call(method, path, options)) as Got<T>;
  }

  async #targetOf(object: ApiObject): Promise<Target> {
    const { apiVersion = '', kind = '' } = object;
    const known = resourceOfKind(apiVersion, kind);
    if (known !== undefined) return known;
    const served = (await this.get(`/apis/${apiVersion}`)) as
      | { readonly resources: readonly { kind: string; name: string; namespaced: boolean }[] }
      | undefined;
    const found = served?.resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (found === undefined) throw new Error(`applying ${apiVersion} ${kind}: the API server serves no such kind`);
    const { namespace = 'default', name = '' } = object.metadata ?? {};
    const scope = found.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : '';
    return `/apis/${apiVersion}${scope}/${found.name}/${encodeURIComponent(name)}`;
  }
}

/** With the administrator's certificate of a local cluster. */
export function admin(cluster: LocalCluster): Admin {
  return new Admin({ server: cluster.server, caFile: cluster.caFile, ...cluster.adminKeys });
}

function checked(method: string, path: string, answer: CallAnswer): unknown {
  if (answer.status >= 300) throw new AdminError(method, path, answer);
  return answer.body;
}

function pathTo(target: Target, place: Place, { query = {} }: Extra = {}): string {
  const path = isPath(target) ? target : pathOf(target, place);
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

function isPath(target: Target): target is `/${string}` {
  return target.startsWith('/');
}

function placeOf({ namespace }: Selection): Place {
  return namespace === undefined ? {} : { namespace };
}

function placeOfObject({ metadata }: ApiObject): Place {
  return {
    ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }),
    ...(metadata?.name === undefined ? {} : { name: metadata.name }),
  };
}

function queryOf({ selector, fields, limit }: Selection): Record<string, string> {
  return {
    ...(selector === undefined ? {} : { labelSelector: selector }),
    ...(fields === undefined ? {} : { fieldSelector: fields }),
    ...(limit === undefined ? {} : { limit: `${limit}` }),
  };
}

function typed(target: Target, object: object): object {
  if (isPath(target)) return object;
  return { apiVersion: apiVersionOf(target), kind: resourceInfo(target).kind, ...object };
}

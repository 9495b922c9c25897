import { METADATA, METADATA_LIST } from '#api/metadata.ts';
import type { ErrorCode } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Apply, Create, Delete, DeleteCollection, Patch, Replace, Write } from '#core/plan.ts';
import type { WireRequest } from '#core/request.ts';
import { type ApiObject, apiVersionOf, pathOf, type Resource, resourceInfo } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';

/** Upstream's field manager, so that upstream can take over again without conflicts. */
const FIELD_MANAGER = 'kube-controller-manager';

export interface RenderOptions {
  readonly identity: string;
  readonly class: 'write' | 'event';
  readonly timeout: Ms;
  /** The name derived for a `generateName`. */
  readonly name?: string;
  /** The resourceVersion of the chain's last answer, where the write says `previous`. */
  readonly previous?: string;
}

export type Rendered =
  | { readonly ok: true; readonly request: WireRequest; readonly after?: ApiObject; readonly before?: ApiObject }
  | { readonly ok: false; readonly code: ErrorCode };

const MALFORMED: Rendered = { ok: false, code: 'GATE_MALFORMED' };

/** The bytes that one write will be: pure, so that what is judged and what is sent are the same (I17). */
export function render(write: Write, options: RenderOptions): Rendered {
  switch (write.verb) {
    case 'create':
      return renderCreate(write, options);
    case 'patch':
      return renderPatch(write, options);
    case 'update':
      return renderReplace(write, options);
    case 'apply':
      return renderApply(write, options);
    case 'delete':
      return renderDelete(write, options);
    case 'deletecollection':
      return renderDeleteCollection(write, options);
    case 'effect':
      // Cloud calls come with the cloud controllers; until a port takes them, none leaves.
      return MALFORMED;
  }
}

type Target = WireRequest['target'];

function request(
  verb: WireRequest['verb'],
  method: WireRequest['method'],
  target: Target,
  options: RenderOptions,
  more: { query?: Record<string, string>; contentType?: string; body?: string },
): WireRequest {
  const query = new URLSearchParams({ timeout: `${Math.round(options.timeout)}ms`, ...more.query });
  const path = `${pathOf(target.resource, verb === 'create' ? withoutName(target) : target)}?${query}`;
  return {
    class: options.class,
    identity: options.identity,
    verb,
    method,
    path,
    ...(more.contentType !== undefined && { contentType: more.contentType }),
    ...acceptOf(verb, target),
    ...(more.body !== undefined && { body: more.body }),
    target,
    timeout: options.timeout,
  };
}

/** A deletion of many answers with all that it deleted: of that nothing is needed, and of Secrets nothing may be seen. */
function acceptOf(verb: WireRequest['verb'], { resource }: Target): { accept?: string } {
  if (verb === 'deletecollection') return { accept: METADATA_LIST };
  return resource === 'core/secrets' ? { accept: METADATA } : {};
}

/** A create posts to the collection, except for a subresource of a named object. */
function withoutName(target: Target): Target {
  if (target.subresource !== undefined) return target;
  const { name: _, ...collection } = target;
  return collection;
}

function renderCreate(write: Create, options: RenderOptions): Rendered {
  const { resource } = write;
  const name = write.object.metadata?.name ?? options.name;
  if (name === undefined || (resourceInfo(resource).namespaced && write.namespace === undefined)) return MALFORMED;
  const after: ApiObject = {
    ...write.object,
    apiVersion: write.object.apiVersion ?? apiVersionOf(resource),
    kind: write.object.kind ?? resourceInfo(resource).kind,
    metadata: { ...write.object.metadata, name, ...(write.namespace !== undefined && { namespace: write.namespace }) },
  };
  const target: Target = {
    resource,
    name,
    ...(write.namespace !== undefined && { namespace: write.namespace }),
    ...(write.subresource !== undefined && { subresource: write.subresource }),
  };
  const sent = request('create', 'POST', target, options, {
    query: { fieldManager: FIELD_MANAGER },
    contentType: 'application/json',
    body: JSON.stringify(after),
  });
  return { ok: true, request: sent, after };
}

function renderPatch(write: Patch, options: RenderOptions): Rendered {
  const { ref } = write;
  const resourceVersion = write.resourceVersion === 'previous' ? options.previous : write.resourceVersion;
  if (ref.uid === undefined || (resourceVersion === undefined && write.blind === undefined)) return MALFORMED;
  const patch: JsonObject = {
    ...write.patch,
    metadata: {
      ...(write.patch.metadata as JsonObject | undefined),
      uid: ref.uid,
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
  const contentType =
    write.type === 'merge' ? 'application/merge-patch+json' : 'application/strategic-merge-patch+json';
  const sent = request('patch', 'PATCH', targetFor(ref, write.subresource), options, {
    query: { fieldManager: FIELD_MANAGER },
    contentType,
    body: JSON.stringify(patch),
  });
  return { ok: true, request: sent, after: write.after };
}

function renderReplace(write: Replace, options: RenderOptions): Rendered {
  const { ref } = write;
  if (ref.uid === undefined || write.object.metadata?.uid !== ref.uid) return MALFORMED;
  const sent = request('update', 'PUT', targetFor(ref, write.subresource), options, {
    query: { fieldManager: FIELD_MANAGER },
    contentType: 'application/json',
    body: JSON.stringify(write.object),
  });
  return { ok: true, request: sent, after: write.object };
}

function renderApply(write: Apply, options: RenderOptions): Rendered {
  const { ref, object } = write;
  // Without its uid, an apply would make the object anew where it is gone.
  if (ref.uid === undefined) return MALFORMED;
  const resourceVersion = write.resourceVersion === 'previous' ? options.previous : write.resourceVersion;
  const body = {
    ...object,
    apiVersion: object.apiVersion ?? apiVersionOf(ref.resource),
    kind: object.kind ?? resourceInfo(ref.resource).kind,
    metadata: {
      ...object.metadata,
      name: ref.name,
      uid: ref.uid,
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
  const sent = request('patch', 'PATCH', targetFor(ref, write.subresource), options, {
    query: { fieldManager: write.fieldManager, force: 'true' },
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify(body),
  });
  return { ok: true, request: sent, after: write.after ?? body };
}

function renderDelete(write: Delete, options: RenderOptions): Rendered {
  const { ref } = write;
  if (ref.uid === undefined) return MALFORMED;
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: {
      uid: ref.uid,
      ...(write.resourceVersion !== undefined && { resourceVersion: write.resourceVersion }),
    },
    ...(write.propagation !== undefined && { propagationPolicy: write.propagation }),
    ...(write.gracePeriodSeconds !== undefined && { gracePeriodSeconds: write.gracePeriodSeconds }),
  });
  const sent = request('delete', 'DELETE', targetFor(ref), options, { contentType: 'application/json', body });
  return { ok: true, request: sent, before: write.before };
}

function renderDeleteCollection(write: DeleteCollection, options: RenderOptions): Rendered {
  const query = {
    ...(write.labelSelector !== undefined && { labelSelector: write.labelSelector }),
    ...(write.fieldSelector !== undefined && { fieldSelector: write.fieldSelector }),
  };
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: write.propagation });
  const target: Target = { resource: write.resource, namespace: write.namespace };
  return {
    ok: true,
    request: request('deletecollection', 'DELETE', target, options, { query, contentType: 'application/json', body }),
  };
}

function targetFor(
  ref: { resource: Resource; namespace?: string; name: string; uid?: string },
  subresource?: string,
): Target {
  return {
    resource: ref.resource,
    ...(ref.namespace !== undefined && { namespace: ref.namespace }),
    name: ref.name,
    ...(ref.uid !== undefined && { uid: ref.uid }),
    ...(subresource !== undefined && { subresource }),
  };
}

import type { ReadResult, Reads } from '#core/controller.ts';
import type { Discovery } from '#core/discovery.ts';
import { type ApiObject, apiVersionOf, pathOf, type Resource, resourceInfo } from '#core/resource.ts';
import { discover } from './discovery.ts';
import { TransportError, type TransportTrouble } from './failure.ts';
import { smallerPage } from './limits.ts';
import { METADATA, METADATA_LIST } from './metadata.ts';
import type { ReadAnswer, Reader } from './port.ts';

const TOO_LARGE: TransportTrouble = 'too-large';

/** Live reads under one identity, for `gather`. What goes wrong is data: a status, 0 where no answer came. */
export function createReads(reader: Reader, identity: string): Reads {
  const ask = async <T>(path: string, accept: string | undefined, take: (body: unknown) => T | undefined) => {
    try {
      return resultOf(await reader.get(identity, path, accept === undefined ? {} : { accept }), take);
    } catch (error) {
      return unanswered(error);
    }
  };
  return {
    get: (resource, at) => ask(pathOf(resource, at), undefined, (body) => objectOf(body) as never),
    metadata: (resource, at) => ask(pathOf(resource, at), METADATA, (body) => asItself(resource, body)),
    listMetadata: async (resource, { limit, ...at }) => {
      for (let most = limit; ; most = smallerPage(most)) {
        const take = (body: unknown) => listOf(resource, body);
        const read = await ask(listPath(resource, { ...at, limit: most }), METADATA_LIST, take);
        // Annotations are metadata, too: a page of what a tenant filled up to their limit does not fit.
        if (read.ok || read.reason !== TOO_LARGE || most === 1) return read;
      }
    },
    discover: async (): Promise<ReadResult<Discovery>> => {
      try {
        return await discover(reader, identity);
      } catch (error) {
        return unanswered(error);
      }
    },
  };
}

function listPath(resource: Resource, { namespace, limit }: { namespace?: string; limit: number }): string {
  return `${pathOf(resource, namespace === undefined ? {} : { namespace })}?limit=${limit}`;
}

function resultOf<T>({ status, body }: ReadAnswer, take: (body: unknown) => T | undefined): ReadResult<T> {
  if (status !== 200) return { ok: false, status, reason: reasonOf(body) };
  const object = take(body);
  return object === undefined ? { ok: false, status, reason: 'Malformed' } : { ok: true, object };
}

function unanswered(error: unknown): { readonly ok: false; readonly status: number; readonly reason: string } {
  if (!(error instanceof TransportError)) throw error;
  return { ok: false, status: 0, reason: error.trouble };
}

/**
 * The machine word of a Status; never its message. NotFound only where the object is not there: an API server that does
 * not serve the path answers 404 as well, and tells of no name.
 */
function reasonOf(body: unknown): string {
  const { reason, details } = (body ?? {}) as { reason?: unknown; details?: { name?: unknown } };
  if (reason === 'NotFound' && (typeof details?.name !== 'string' || details.name === '')) return 'NotServed';
  return typeof reason === 'string' && /^[A-Za-z]{1,64}$/.test(reason) ? reason : '';
}

function objectOf(body: unknown): ApiObject | undefined {
  const metadata = (body as ApiObject | null)?.metadata;
  return typeof metadata?.name === 'string' && typeof metadata.uid === 'string' ? (body as ApiObject) : undefined;
}

/** Metadata comes as PartialObjectMetadata; who reads on sees what it is the metadata of. */
function asItself(resource: Resource, body: unknown): ApiObject | undefined {
  const object = objectOf(body);
  return object && { ...object, apiVersion: apiVersionOf(resource), kind: resourceInfo(resource).kind };
}

function listOf(resource: Resource, body: unknown): { items: readonly ApiObject[]; remaining: number } | undefined {
  const {
    kind,
    items: listed,
    metadata,
  } = (body ?? {}) as {
    kind?: unknown;
    items?: unknown;
    metadata?: Record<string, unknown>;
  };
  // An empty list of metadata comes as `"items": null`.
  const items = listed === null && kind === 'PartialObjectMetadataList' ? [] : listed;
  if (!Array.isArray(items)) return undefined;
  const objects = items.map((item) => asItself(resource, item));
  if (objects.includes(undefined)) return undefined;
  const remaining = metadata?.remainingItemCount;
  // A page that goes on without saying how far has at least one more item.
  const least = metadata?.continue === undefined || metadata.continue === '' ? 0 : 1;
  return { items: objects as ApiObject[], remaining: typeof remaining === 'number' ? remaining : least };
}

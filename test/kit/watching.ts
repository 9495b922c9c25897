import { setTimeout as pause } from 'node:timers/promises';
import type { ApiObject } from '#core/resource.ts';
import type { ApiClient } from '#local/client.ts';

interface Line {
  readonly type: string;
  readonly object: ApiObject;
}

const STREAM = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

function keyOf({ metadata }: ApiObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

/**
 * What a collection holds, told anew after each change, by one watch that starts with what is there. Opens another
 * when the connection ends, so an API server may be restarted in between.
 */
export async function* states(
  client: ApiClient,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<ReadonlyMap<string, ApiObject>> {
  while (!signal.aborted) {
    try {
      yield* oneWatch(client, path, signal);
    } catch (error) {
      // A refusal will not turn into anything else; a lost connection may.
      if (!signal.aborted && !(error as { code?: string }).code) throw error;
    }
    await pause(50);
  }
}

async function* oneWatch(client: ApiClient, path: string, signal: AbortSignal) {
  const objects = new Map<string, ApiObject>();
  let complete = false;
  const separator = path.includes('?') ? '&' : '?';
  for await (const line of client.lines(`${path}${separator}${STREAM}`, signal) as AsyncIterable<Line>) {
    const { type, object } = line;
    // The API server closes such a watch (410 and others); the next one starts afresh.
    if (type === 'ERROR') return;
    if (type === 'BOOKMARK') {
      if (object.metadata?.annotations?.['k8s.io/initial-events-end'] !== 'true') continue;
      complete = true;
    } else if (type === 'DELETED') objects.delete(keyOf(object));
    else objects.set(keyOf(object), object);
    if (complete) yield objects;
  }
}

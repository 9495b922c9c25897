import { TransportError } from '#api/failure.ts';
import { smallerPage } from '#api/limits.ts';
import type { Reader } from '#api/port.ts';
import { isRV } from '#core/rv.ts';
import type { Ms } from '#core/time.ts';
import type { CachePlan } from './plan-caches.ts';
import { acceptOf, listPath, PAGE } from './requests.ts';

/** The API server did not give a list. */
export class ListRefused extends Error {
  override readonly name = 'ListRefused';
  readonly status: number;
  readonly retryAfter: Ms | undefined;

  constructor(status: number, retryAfter: Ms | undefined) {
    super('listing: the API server refused');
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export interface Page {
  readonly rv: string;
  readonly items: readonly unknown[];
  readonly token: string | undefined;
}

/** One page of a consistent list. Throws ListRefused or TransportError. */
export async function listPage(
  reader: Reader,
  plan: CachePlan,
  signal: AbortSignal,
  { limit = PAGE, token, accept }: { limit?: number; token?: string | undefined; accept?: string } = {},
): Promise<Page> {
  const accepting = accept === undefined ? acceptOf(plan, 'list') : { accept };
  const answer = await reader.get(plan.identity, listPath(plan, limit, token), {
    signal,
    timeout: 60_000,
    ...accepting,
  });
  if (answer.status !== 200) throw new ListRefused(answer.status, answer.retryAfter);
  const { metadata, items } = answer.body as {
    metadata?: { resourceVersion?: unknown; continue?: unknown };
    items?: unknown;
  };
  const rv = metadata?.resourceVersion;
  // Go renders an empty slice as null in some lists.
  if (!isRV(rv) || !(Array.isArray(items) || items === null)) throw new TransportError('malformed');
  const next = metadata?.continue;
  return { rv, items: items ?? [], token: typeof next === 'string' && next !== '' ? next : undefined };
}

/** A page of the heaviest objects: fewer of them at once fit. */
const isTooLarge = (error: unknown): boolean => error instanceof TransportError && error.trouble === 'too-large';

/** Restarts of a list whose continue token ended while it was read. */
const MAX_RESTARTS = 3;

/** A whole consistent list, page by page; `take` gets each page's items and is told to forget them on a restart. */
export async function listPages(
  reader: Reader,
  plan: CachePlan,
  signal: AbortSignal,
  { take, restart, accept }: { take: (items: readonly unknown[]) => void; restart: () => void; accept?: string },
): Promise<string> {
  const accepting = accept === undefined ? {} : { accept };
  let limit = PAGE;
  for (let restarts = 0; ; restarts++) {
    try {
      let token: string | undefined;
      for (;;) {
        const page = await listPage(reader, plan, signal, { limit, token, ...accepting }).catch((error: unknown) => {
          if (limit === 1 || !isTooLarge(error)) throw error;
          return undefined;
        });
        if (page === undefined) {
          limit = smallerPage(limit);
          continue;
        }
        take(page.items);
        token = page.token;
        if (token === undefined) return page.rv;
      }
    } catch (error) {
      if (!(error instanceof ListRefused) || error.status !== 410 || restarts >= MAX_RESTARTS) throw error;
      restart();
    }
  }
}

import type { Reader } from '#api/port.ts';
import type { Controller } from '#core/controller.ts';
import type { WireRequest } from '#core/request.ts';
import { isResource } from '#core/resource.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Ledger } from '#ledger/port.ts';
import type { Log } from '#telemetry/port.ts';
import { ON_THE_WAY } from './lost.ts';
import { type OpenWrite, type Resolution, readingFor, resolve } from './resolve.ts';

/** An intent of an earlier process without an outcome, as the ledger tells it. */
export interface OpenIntent {
  readonly auditId: string;
  readonly time: string;
  readonly controller: string;
  readonly class: string;
  readonly verb: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly derivedName: boolean;
  readonly resourceVersion?: string;
  /** Milliseconds the request may have been under way. */
  readonly timeout: number;
}

interface Lookup {
  readonly reader: Reader;
  readonly clock: Clock;
  /** Those that run. */
  readonly controllers: readonly Controller[];
  /** Without a lease that ran out in between: since when (monotonic) no earlier process of this ledger sends anything. */
  readonly alone?: Ms | undefined;
}

const AT_ONCE = 8;
const VERBS: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/**
 * Closes what a crash left open: each intent becomes applied, not applied, or unknown (then the join closes it). Runs
 * after leadership is won and before any controller starts, so that nobody decides while a fate is open; waits out
 * requests that may still be under way.
 */
export async function recover(
  open: readonly OpenIntent[],
  parts: Lookup & { ledger: Ledger; log: Log },
): Promise<void> {
  const queue = [...open];
  const worker = async (): Promise<void> => {
    for (let intent = queue.shift(); intent !== undefined; intent = queue.shift()) {
      const { as, how } = await resolveIntent(intent, parts);
      await parts.ledger.note({ note: 'resolved', auditId: intent.auditId, as, how });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (open.length > 0) parts.log.info('open intents resolved', { count: open.length });
}

async function resolveIntent(intent: OpenIntent, lookup: Lookup): Promise<Resolution> {
  const { reader, clock, controllers } = lookup;
  const write = openWriteOf(intent);
  // Leases are read by whoever holds them, and no object depends on an Event: the join closes both.
  if (write === undefined || intent.class !== 'write')
    return { as: 'unknown', how: 'not looked up: the join with the audit log closes it' };
  const wait = underWay(intent, lookup);
  if (wait > 0) await new Promise<void>((resume) => clock.after(wait, resume));
  const writer = controllers.find(({ name }) => name === intent.controller);
  return resolve(write, reader, writer === undefined ? 'reader' : readingFor(writer));
}

/** How long it may still be begun or under way. A lease outlives what was sent under it; else the process's end counts. */
function underWay({ time, timeout }: OpenIntent, { clock, alone }: Lookup): Ms {
  const { wall, mono } = clock.now();
  const most = timeout + ON_THE_WAY;
  return alone === undefined ? Math.min(Date.parse(time) + most - wall, most) : alone + most - mono;
}

function openWriteOf({
  verb,
  resource,
  namespace,
  name,
  uid,
  subresource,
  resourceVersion,
  derivedName,
}: OpenIntent): OpenWrite | undefined {
  if (!VERBS.has(verb) || !isResource(resource)) return undefined;
  return {
    verb: verb as WireRequest['verb'],
    target: {
      resource,
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      ...(uid !== undefined && { uid }),
      ...(subresource !== undefined && { subresource }),
    },
    derivedName,
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

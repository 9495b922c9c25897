/** Requests that a manager sent, by the API server's audit log. */
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { AuditEvent } from '#kit/audit.ts';
import type { Manager } from './options.ts';

/** By verb; writes of Events and Leases apart, as `events` and `leases`. */
export type Requests = Readonly<Record<string, number>>;

const UPSTREAM = /^system:(kube-controller-manager$|serviceaccount:kube-system:)/;

const isBy = (manager: Manager, user: string): boolean =>
  manager === 'comptroller' ? user.startsWith('comptroller:') : UPSTREAM.test(user);

/** Bytes so far; the API server writes each event before its answer. */
export const sizeOf = (auditLog: string): number => statSync(auditLog).size;

/** Of what was written between two sizes. */
export async function requestsBetween(
  auditLog: string,
  manager: Manager,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Requests> {
  const counts = new Map<string, number>();
  if (to === from) return {};
  const input = createReadStream(auditLog, { start: from, end: to - 1 });
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const event = parse(line);
    if (event === undefined || !isBy(manager, event.user.username ?? '')) continue;
    const kind = kindOf(event);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

function kindOf({ verb, objectRef }: AuditEvent): string {
  if (objectRef?.resource === 'leases') return 'leases';
  return objectRef?.resource === 'events' && verb !== 'delete' ? 'events' : verb;
}

/** A size may fall into a line that was being written: it belongs to neither side. */
function parse(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    return undefined;
  }
}

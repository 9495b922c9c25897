import type { Opened } from '#ledger/open.ts';
import type { Anchor, Anchors } from '#ledger/port.ts';
import type { Log } from '#telemetry/port.ts';

type Parts = Pick<Opened, 'checkAnchor' | 'previous'> & { readonly ledger: Pick<Opened['ledger'], 'note'> };

/**
 * Logs that the Lease knows longer, other, or that are not here though this directory led with them, were put back:
 * true, and recorded (I16).
 */
export async function noteRollback(parts: Parts, { last, own }: Anchors, log: Log): Promise<boolean> {
  const wrong = (await wrongAs(parts, own, true)) ?? (await wrongAs(parts, last, false));
  if (wrong === undefined) return false;
  const { origin, size } = wrong.anchor;
  const held = parts.previous.find((one) => one.origin === origin)?.size ?? 0;
  log.error('finding a ledger that was put back: the Lease tells of other records than it holds', {
    found: wrong.found,
    origin,
    anchored: size,
    held,
  });
  await parts.ledger.note({ note: 'rolled-back', anchor: { origin, size }, found: held });
  return true;
}

interface Wrong {
  readonly found: 'rolled-back' | 'forked';
  readonly anchor: Anchor;
}

/** A log that is not here is another replica's, unless this directory led with it. */
async function wrongAs(
  { checkAnchor }: Parts,
  anchor: Anchor | undefined,
  ledHere: boolean,
): Promise<Wrong | undefined> {
  if (anchor === undefined) return undefined;
  const found = await checkAnchor(anchor);
  if (found === 'other-replica') return ledHere ? { found: 'rolled-back', anchor } : undefined;
  return found === 'consistent' ? undefined : { found, anchor };
}

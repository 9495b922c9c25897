import type { Opened } from '#ledger/open.ts';
import type { Anchor } from '#ledger/port.ts';
import type { Log } from '#telemetry/port.ts';

/** An anchor ahead of the local logs of the same origin means that they were rolled back: true, and recorded (I16). */
export async function noteRollback(
  { ledger, checkAnchor, previous }: Opened,
  predecessor: Anchor,
  log: Log,
): Promise<boolean> {
  const { origin, size } = predecessor;
  const found = await checkAnchor(predecessor);
  if (found !== 'rolled-back' && found !== 'forked') return false;
  const held = previous.find((own) => own.origin === origin)?.size ?? 0;
  log.error('finding a ledger that was put back: the Lease tells of other records than it holds', {
    found,
    origin,
    anchored: size,
    held,
  });
  await ledger.note({ note: 'rolled-back', anchor: { origin, size }, found: held });
  return true;
}

import type { Reads } from '#core/controller.ts';
import { type Ms, seconds } from '#core/time.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './candidates.ts';

/** How long a node must be missed before it is looked for. */
const QUARANTINE: Ms = seconds(40);

/** The nodes that pods name and the cache does not hold, and since when on the monotonic clock. */
export function missingNodes(view: View<Listed>, known: ReadonlyMap<string, Ms>, mono: Ms): Map<string, Ms> {
  const there = new Set(view.list('core/nodes').map(({ metadata }) => metadata?.name));
  const missing = new Map<string, Ms>();
  for (const { spec } of view.list('core/pods')) {
    const node = spec?.nodeName ?? '';
    if (node !== '' && !there.has(node)) missing.set(node, known.get(node) ?? mono);
  }
  return missing;
}

/** Those whose quarantine is over. */
export function suspects(missing: ReadonlyMap<string, Ms>, mono: Ms): readonly string[] {
  return [...missing].filter(([, since]) => mono - since >= QUARANTINE).map(([node]) => node);
}

export type Look = 'node' | 'nothing' | 'no-answer';

/** Looks live: the cache may lag, and the node's pods would be lost. Only a clear answer that there is none counts as one. */
export async function lookFor(name: string, view: View<Listed>, reads: Reads): Promise<Look> {
  if (view.get('core/nodes', { name }) !== undefined) return 'node';
  const read = await reads.get('core/nodes', { name });
  if (read.ok) return 'node';
  return read.status === 404 && read.reason === 'NotFound' ? 'nothing' : 'no-answer';
}

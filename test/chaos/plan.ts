/** Which faults share an arena, and in which order they come. */
import type { Fault } from './fault.ts';

/** Faults of one kind of arena can share it. */
export const kindOf = ({ needs = {} }: Fault): string =>
  `${needs.replicas ?? 1} ${needs.shim === true ? 'shim' : ''} ${needs.usualLease === true ? 'lease' : ''}`;

/** What a fault leaves would disturb the next one: it asks for that, or its books need an excuse for ever. */
export const isAlone = ({ needs, excuses = [] }: Fault): boolean => needs?.alone === true || excuses.length > 0;

/** Those that share an arena one after another, in the order in which their kinds are named first; those alone at the end. */
export function inOrder(faults: readonly Fault[]): readonly Fault[] {
  const kinds = [...new Set(faults.map(kindOf))];
  const rank = (fault: Fault): number => (isAlone(fault) ? kinds.length : 0) + kinds.indexOf(kindOf(fault));
  return [...faults].sort((a, b) => rank(a) - rank(b));
}

/** Which groups each file of `test/integration` tries: files run side by side, the faults of one share their arenas. */
export const SHORT_RUN = {
  'chaos-process': ['process'],
  'chaos-failover': ['failover'],
  'chaos-store': ['store', 'policy'],
  'chaos-disk': ['disk'],
  'chaos-ledger': ['ledger'],
  'chaos-clock': ['clock', 'identity'],
  'chaos-transport': ['transport'],
  'chaos-answers': ['answers'],
  'chaos-tenant': ['tenant'],
  'chaos-flood': ['flood'],
} as const satisfies Readonly<Record<string, readonly Fault['group'][]>>;

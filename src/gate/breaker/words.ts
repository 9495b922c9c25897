import type { Hold, HoldReason } from './port.ts';

/** What a reason word means, for people. */
export const REASONS: Readonly<Record<HoldReason, string>> = {
  'too-much-of-its-cause': 'nothing says why, and it is more than its share of what the cause has',
  'too-much-without-evidence': 'nothing says why, and it is more than any cause may take so',
  'too-much-with-evidence': 'its owner or namespace ends, and it is more than even that may take',
  'too-much-in-all-without-evidence': 'all causes together take too much in ten minutes, and nothing says why',
  'too-much-in-all': 'all causes together take too much in ten minutes',
  'too-much-in-its-namespace-without-evidence':
    'all causes of its namespace together take too much in ten minutes, and nothing says why',
  'too-much-in-its-namespace': 'all causes of its namespace together take too much in ten minutes',
  'too-many-holds': 'more causes of its namespace are held than are remembered one by one',
  'history-went-back': 'the API server shows an older history than before: it was restored, perhaps',
  'ledger-went-back': 'the ledger holds less than the Lease tells of: it was put back, perhaps',
};

/** Weights are sums of tenths. */
export function rounded(weight: number): number {
  return Math.round(weight * 10) / 10;
}

export function percent(share: number): number {
  return Math.round(share * 100);
}

/** `Deployment shop/web` is who it is about; the whole cluster's hold may be about nothing in particular. */
export function subjectOf({ scope, root, controller }: Hold): string {
  const { ref } = root;
  if (ref !== undefined) return `${ref.resource} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
  return scope === 'cluster' ? 'the cluster' : `${controller} ${root.id}`;
}

const WAITING: Readonly<Record<Hold['scope'], string>> = {
  cause: '',
  namespace: ' Everything that takes something away from its namespace waits with it.',
  cluster: ' Everything that takes something away waits with it.',
};

/** What ends a rejection, or a hold that nobody decides about. */
export function untilWhen({ root }: Hold): string {
  return root.present
    ? 'its owner changes or goes'
    : 'its owner is there again, or nothing asks for it any more (looked at every ten minutes)';
}

/** One sentence for an Event or a log: what, how much, against which limit. */
export function sentence(hold: Hold): string {
  const { scope, weight, limit, share, writes } = hold;
  if (weight === 0) return `everything that takes something away is held: ${REASONS[hold.reason]}`;
  const part = share === undefined ? '' : `, ${percent(share)} % of what it has`;
  const all = WAITING[scope];
  return `${hold.controller} would take away ${rounded(weight)}${part}, and may take ${rounded(limit)}; ${writes === 1 ? '1 write waits' : `${writes} writes wait`}.${all}`;
}

import type { Outcome } from '#core/plan.ts';
import { queueKey } from './judge.ts';
import type { GateParts } from './ports.ts';
import type { Pending, Work } from './work.ts';

/** Whether a write may go on as far as ResourceQuotas are concerned. */
export type Foreseen =
  | { readonly ok: true; settle(outcome: Outcome | undefined): void }
  | { readonly ok: false; readonly outcome: Outcome };

const UNCONCERNED: Foreseen = { ok: true, settle: () => {} };

/** Asks the forecast, for what quotas count: new objects in a namespace. Events are not among them. */
export function foresee({ write, request, after }: Pending, work: Work, { forecast }: GateParts): Foreseen {
  const { resource, namespace, subresource } = request.target;
  const counted = request.class === 'write' && request.verb === 'create' && subresource === undefined;
  if (!counted || namespace === undefined || after === undefined) return UNCONCERNED;
  const owner = `${work.controller.name} ${work.trigger?.ref.uid ?? `${work.loop} ${work.key}`}`;
  const admission = forecast.ask({ resource, namespace, object: after, owner, address: queueKey(work) });
  if (admission.kind === 'free') return UNCONCERNED;
  if (admission.kind !== 'delayed') return { ok: true, settle: admission.settle };
  const { retryAfter } = admission;
  const message = 'a ResourceQuota of the namespace has no room for it';
  return { ok: false, outcome: { write, kind: 'exhausted', code: 'GATE_QUOTA_EXHAUSTED', retryAfter, message } };
}

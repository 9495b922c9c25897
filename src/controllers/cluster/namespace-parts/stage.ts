import type { Input } from '#core/controller.ts';
import type { Namespace } from '#core/k8s/types.gen.ts';
import { PODS } from './gather.ts';
import { type Check, type Drain, remembered } from './memory.ts';

export type NamespaceInput = Input<'core/namespaces' | 'core/pods', Namespace>;

/** What a run is for. Each reads and writes little: what it wrote is seen by the next. */
export type Stage =
  /** There is nothing to do, now or ever; what is remembered of the namespace can be forgotten. */
  | { readonly kind: 'idle'; readonly why: 'gone' | 'not-ending' | 'finalized' }
  /** Its end was seen for the first time. */
  | { readonly kind: 'seen'; readonly namespace: Namespace }
  | { readonly kind: 'waiting'; readonly drain: Drain }
  /** It has to say that it ends before anything is done. */
  | { readonly kind: 'phase'; readonly namespace: Namespace; readonly drain: Drain }
  /** Look at everything, and delete. */
  | { readonly kind: 'pass'; readonly namespace: Namespace; readonly drain: Drain }
  /** Look at what is left of what was deleted from. */
  | { readonly kind: 'check'; readonly namespace: Namespace; readonly drain: Drain; readonly check: Check }
  /** Nothing is left: let it go. */
  | { readonly kind: 'finalize'; readonly namespace: Namespace; readonly drain: Drain }
  | { readonly kind: 'done' };

export function stageOf(input: Omit<NamespaceInput, 'facts'>): Stage {
  const { object: namespace, now } = input;
  if (namespace === undefined) return { kind: 'idle', why: 'gone' };
  if (namespace.metadata?.deletionTimestamp === undefined) return { kind: 'idle', why: 'not-ending' };
  const known = remembered(input.memory, namespace.metadata.uid ?? '');
  if (known === undefined) return { kind: 'seen', namespace };
  if (known.end === 'done') return { kind: 'done' };
  if (now.mono < known.due && !podsEnded(known, input)) return { kind: 'waiting', drain: known };
  // Its turn has come: whatever it waited for, the runs to come must not.
  const { waitsFor: _, ...drain } = { ...known, due: Math.min(known.due, now.mono) };
  if (namespace.status?.phase !== 'Terminating') return { kind: 'phase', namespace, drain };
  if ((namespace.spec?.finalizers ?? []).length === 0) return { kind: 'idle', why: 'finalized' };
  if (drain.end === 'clean') return { kind: 'finalize', namespace, drain };
  if (drain.check !== undefined) return { kind: 'check', namespace, drain, check: drain.check };
  return { kind: 'pass', namespace, drain };
}

function podsEnded({ waitsFor }: Drain, { key, view }: Omit<NamespaceInput, 'facts'>): boolean {
  return waitsFor === 'pods' && view.list(PODS, key).length === 0;
}

import type { Input } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import { wentThrough } from '#core/outcome.ts';
import { nothing, type Outcome, type Outcomes, type Plan, write } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { seconds } from '#core/time.ts';
import type { OrphanFacts } from './facts.ts';
import { type Graph, nodeFor } from './graph.ts';
import { asJson, type Freed } from './learn.ts';
import { ORPHAN } from './node.ts';
import { dropFinalizer, orphan } from './patches.ts';

type Asked = Pick<Input<Resource, ApiObject>, 'key' | 'derived' | 'facts'>;
type Found = Extract<OrphanFacts, { item: 'found' }>;

const LOOK_AGAIN = seconds(1);

/** Takes an owner that is to end alone off all its dependents; it may end when that is done. */
export function leave({ key, derived, facts: given }: Asked): Plan {
  const facts = given as OrphanFacts;
  if (facts.item !== 'found') return withoutOwner(facts);
  const patches = patchesOf(facts);
  const plan: Plan =
    patches.length > 0
      ? { reason: 'orphan', chains: patches.map((patch) => [patch]), events: [] }
      : endWhenFree(facts, derived as Graph, key);
  const learnt = freeAlready(facts);
  return learnt.length === 0 ? plan : { ...plan, learnt };
}

/** Those that need no patch: else the next run would look at the same ones, and never at who stands behind them. */
function freeAlready({ dependents, object }: Found): readonly Json[] {
  const owner = object.metadata?.uid ?? '';
  const gone = dependents.filter(({ live }) => live === null);
  const free = dependents.filter(
    ({ live }) => live && !live.metadata?.ownerReferences?.some(({ uid }) => uid === owner),
  );
  const now = free.flatMap(({ identity, live }) => freed(identity.uid, live ?? undefined));
  return [
    ...gone.map(({ identity }) => asJson({ kind: 'absent', identity })),
    ...(now.length > 0 ? [asJson({ kind: 'freed', owner, dependents: now })] : []),
  ];
}

function withoutOwner(facts: Exclude<OrphanFacts, Found>): Plan {
  switch (facts.item) {
    case 'none':
    case 'misplaced':
      return nothing('nothing-to-do');
    case 'incomplete':
      return nothing('waiting-for-resources', { requeueAfter: LOOK_AGAIN });
    case 'unread':
    case 'unknown-kind':
      return nothing(facts.item, { next: 'backoff' });
    case 'absent':
      return nothing('absent', { learnt: [asJson({ kind: 'absent', identity: facts.identity })] });
  }
}

function patchesOf({ dependents, object }: Found) {
  const uid = object.metadata?.uid ?? '';
  return dependents.map((dependent) => orphan(dependent, uid, 'orphan')).filter((patch) => patch !== undefined);
}

export function settleLeave({ key, derived, facts: given }: Asked, outcomes: Outcomes, plan: Plan): Plan {
  const facts = given as OrphanFacts;
  if (facts.item !== 'found' || plan.reason !== 'orphan') return nothing('settled');
  const each = outcomes.flat();
  const after = each.every(wentThrough) ? endWhenFree(facts, derived as Graph, key) : nothing('dependents-remain');
  const learnt = freedBy(each, facts);
  return { ...after, ...(learnt !== undefined && { learnt: [learnt] }) };
}

/** Else the next run would take the same ones again, until their watch tells. */
function freedBy(each: readonly Outcome[], { object }: Found): Json | undefined {
  const dependents = each.flatMap((outcome) => {
    const { write } = outcome;
    return outcome.kind === 'applied' && write.verb === 'patch' ? freed(write.ref.uid, outcome.object) : [];
  });
  const owner = object.metadata?.uid ?? '';
  return dependents.length === 0 ? undefined : asJson({ kind: 'freed', owner, dependents });
}

function freed(uid: string | undefined, shown: ApiObject | undefined): readonly Freed[] {
  const version = shown?.metadata?.resourceVersion;
  return uid === undefined ? [] : [{ uid, ...(version !== undefined && { version }) }];
}

/** Only when every dependent is free, those that came meanwhile as well. */
function endWhenFree({ resource, object, dependents }: Found, graph: Graph, key: string): Plan {
  const known = new Set(dependents.map(({ identity }) => identity.uid));
  const left = [...(nodeFor(graph, key)?.dependents ?? [])].filter(({ identity }) => !known.has(identity.uid));
  if (left.length > 0) return nothing('dependents-remain', { next: 'again' });
  const patch = dropFinalizer(resource, object, ORPHAN, 'finish-orphan');
  return patch === undefined ? nothing('finished') : write('finish-orphan', patch);
}

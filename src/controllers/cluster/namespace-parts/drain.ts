import { refusal, wentThrough } from '#core/outcome.ts';
import { type Blast, nothing, type Outcome, type Outcomes, type Plan, type Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { Resource } from '#core/resource.ts';
import { type Ms, minutes, parseTime, seconds } from '#core/time.ts';
import { conditionsPatch } from './conditions.ts';
import { deletionsOf, isPartial } from './deletions.ts';
import { type Facts, type Listing, PODS } from './gather.ts';
import { asMemory, type Check, type Drain } from './memory.ts';
import { graceOf, nameOf, type Remains, remainsOf, undiscoveredText } from './remains.ts';
import type { NamespaceInput, Stage } from './stage.ts';

type At<K extends Stage['kind']> = Extract<Stage, { kind: K }>;
type Found<K extends Facts['kind']> = Extract<Facts, { kind: K }>;

/** Deletes what there is; where nothing is left to delete, says what is left. */
export function passPlan(input: NamespaceInput, { namespace, drain: known }: At<'pass'>, facts: Found<'listed'>): Plan {
  const total = known.total ?? facts.weight ?? 0;
  const drain = { ...known, total };
  const lists = facts.others ?? [facts.pods];
  const name = namespace.metadata?.name ?? '';
  const writes = lists.flatMap((listing) => deletionsOf(name, listing));
  if (writes.length === 0) return judged(input, namespace, drain, lists, { ...troubleOf(facts), errors: [] });
  const root = refOf('core/namespaces', namespace);
  return {
    reason: 'drain',
    chains: writes.map((write) => [write]),
    events: [],
    memory: asMemory(drain),
    confirm: { read: [root], expect: 'replan' },
    blast: blastOf(namespace, total),
  };
}

function blastOf(namespace: At<'pass'>['namespace'], total: number): Blast {
  const { generation } = namespace.metadata ?? {};
  return {
    root: refOf('core/namespaces', namespace),
    ...(generation !== undefined && { generation }),
    total,
    evidence: 'namespace-terminating',
  };
}

/** After deletions: the next run looks at what they left. One that nobody knows the fate of is planned anew. */
export function afterDeletions(facts: Found<'listed'>, drain: Drain, outcomes: Outcomes): Plan {
  const each = outcomes.flat();
  if (each.some(isOpen)) return nothing('open', { memory: asMemory(drain) });
  const lists = facts.others ?? [facts.pods];
  // What one list could not hold is deleted by the next pass, before anything is said of it.
  if (lists.some(isPartial) && each.some(({ kind }) => kind === 'applied'))
    return nothing('more', { memory: asMemory(drain), next: 'again' });
  const check: Check = {
    ...troubleOf(facts),
    left: lists.filter((listing) => mayBeLeft(listing)).map(({ resource }) => resource),
    errors: [...lists.flatMap(unlisted), ...each.flatMap(undeleted)],
  };
  return nothing('deleted', { memory: asMemory({ ...drain, check }), next: 'again' });
}

/** Neither done nor refused: stale, paced, lost. The queue brings the key back, and nothing is said of it till then. */
function isOpen(outcome: Outcome): boolean {
  return !wentThrough(outcome) && refusal(outcome) === undefined;
}

function mayBeLeft({ count, error }: Listing): boolean {
  return count > 0 && error === undefined;
}

function unlisted({ resource, error }: Listing): readonly string[] {
  return error === undefined ? [] : [`unable to list ${nameOf(resource)}: ${error}`];
}

/** A resource may not know that way to delete: what is there is looked at once more anyway. */
function undeleted(outcome: Outcome): readonly string[] {
  const { write } = outcome;
  if (outcome.kind === 'failed' && outcome.status === 405) return [];
  const why = refusal(outcome);
  return why === undefined ? [] : [`unable to delete ${nameOf(resourceOf(write))}: ${why}`];
}

function resourceOf(write: Write): Resource {
  if (write.verb === 'deletecollection') return write.resource;
  if (write.verb === 'delete') return write.ref.resource;
  throw new TypeError(`draining a namespace by ${write.verb}`);
}

/** Says what is left; where it was pods that are gone now, the rest comes next. */
export function checkPlan(
  input: NamespaceInput,
  { namespace, drain: { check: _, ...drain }, check }: At<'check'>,
  { lists }: Found<'checked'>,
): Plan {
  const podsOnly = check.left.length === 1 && check.left[0] === PODS;
  const podsGone = podsOnly && lists.every(({ count, error }) => count === 0 && error === undefined);
  if (podsGone && check.errors.length === 0) return nothing('pods-gone', { memory: asMemory(drain), next: 'again' });
  return judged(input, namespace, drain, lists, check);
}

/** Nothing is known of what is served: nothing can be done. */
export function undiscoveredPlan(
  input: NamespaceInput,
  { namespace, drain }: At<'pass'>,
  { status }: Found<'undiscovered'>,
): Plan {
  const errors: readonly string[] = [];
  const remains = { undiscovered: `unable to discover what is served: status ${status}`, unreadable: [], errors };
  return report(input, namespace, drain, { ...remains, counts: new Map(), finalizers: new Map(), estimate: 0 });
}

function troubleOf({ failed, unreadable }: Found<'listed'>): Pick<Check, 'failed' | 'unreadable'> {
  return { failed, unreadable };
}

function judged(
  input: NamespaceInput,
  namespace: At<'pass'>['namespace'],
  drain: Drain,
  lists: readonly Listing[],
  { failed, unreadable, errors }: Omit<Check, 'left'>,
): Plan {
  const { name = '', deletionTimestamp } = namespace.metadata ?? {};
  const since = input.now.wall - (parseTime(deletionTimestamp) ?? input.now.wall);
  const remains = remainsOf(name, lists, graceOf(input.view.list(PODS, name), since));
  const undiscovered = undiscoveredText(failed);
  return report(input, namespace, drain, {
    ...remains,
    ...(undiscovered !== undefined && { undiscovered }),
    unreadable,
    errors: [...errors, ...remains.errors],
  });
}

/** Writes the conditions, and says when to look again: after trouble later and later, else when it may have ended. */
function report(input: NamespaceInput, namespace: At<'pass'>['namespace'], drain: Drain, remains: Remains): Plan {
  const { now, settings } = input;
  const patch = conditionsPatch(namespace, remains, now.wall);
  const chains = patch === undefined ? [] : [[patch]];
  const { tries = 0, ...kept } = drain;
  const trouble = remains.errors.length > 0 || remains.undiscovered !== undefined || remains.unreadable.length > 0;
  if (!trouble && remains.estimate === 0)
    return { reason: 'clean', chains, events: [], memory: asMemory({ ...kept, end: 'clean' }), next: 'again' };
  const wait = trouble ? backoff(tries) : seconds(Math.floor(remains.estimate / 2) + 1);
  const delay = Math.min(wait, settings.namespaceSyncPeriod ?? SYNC_PERIOD);
  const next: Drain = {
    ...kept,
    due: now.mono + delay,
    ...(trouble && { tries: tries + 1 }),
    ...(remains.counts.has(PODS) && { waitsFor: 'pods' as const }),
  };
  return { reason: trouble ? 'trouble' : 'remaining', chains, events: [], memory: asMemory(next), requeueAfter: delay };
}

const SYNC_PERIOD: Ms = minutes(5);
const FIRST_RETRY: Ms = 500;
/** Upstream's: a namespace is tried again every minute at least. */
const LAST_RETRY: Ms = seconds(60);

function backoff(tries: number): Ms {
  return Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(tries, 20));
}

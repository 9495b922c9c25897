import { jsonEqual } from '#core/json.ts';
import type { Confirm, Plan, Write } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import { type ApiObject, pathOf } from '#core/resource.ts';
import type { GateParts } from './ports.ts';
import type { Work } from './work.ts';

/**
 * The first stage: reads live, as the controller, what the plan rests on. False refuses the whole plan with
 * GATE_STALE_PLAN; a read that fails is no confirmation (I2).
 */
export async function confirm(plan: Plan, work: Work, parts: Pick<GateParts, 'reader'>): Promise<boolean> {
  const { confirm: wanted } = plan;
  if (wanted === undefined) return true;
  for (const ref of wanted.read) {
    const found = await readLive(ref, work.controller.name, parts);
    if (found === undefined || !holds(wanted, ref, found.object, plan, work)) return false;
  }
  return true;
}

function holds(wanted: Confirm, ref: Ref, object: ApiObject | undefined, plan: Plan, work: Work): boolean {
  switch (wanted.expect) {
    case 'absent':
      return object === undefined || (ref.uid !== undefined && object.metadata?.uid !== ref.uid);
    case 'same-uid-live':
      return (
        object !== undefined && object.metadata?.uid === ref.uid && object.metadata?.deletionTimestamp === undefined
      );
    case 'replan':
      return work.replan !== undefined && jsonEqual(wishes(work.replan(object)), wishes(plan));
  }
}

/**
 * What a plan would do, without the object as its deletions saw it: the live one holds what the cache drops, and may be of
 * a later version that makes no difference.
 */
function wishes({ chains }: Plan): readonly (readonly Partial<Write>[])[] {
  return chains.map((chain) => chain.map((write) => (write.verb === 'delete' ? withoutBefore(write) : write)));
}

function withoutBefore({ before: _, ...write }: Extract<Write, { verb: 'delete' }>): Partial<Write> {
  return write;
}

/** The object, or that there is none; undefined when the API server gave neither. */
async function readLive(
  ref: Ref,
  identity: string,
  { reader }: Pick<GateParts, 'reader'>,
): Promise<{ object: ApiObject | undefined } | undefined> {
  try {
    const answer = await reader.get(identity, pathOf(ref.resource, ref));
    if (answer.status === 200) return { object: answer.body as ApiObject };
    return answer.status === 404 ? { object: undefined } : undefined;
  } catch {
    return undefined;
  }
}

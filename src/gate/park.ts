import { createHash } from 'node:crypto';
import { canonical } from '#core/json.ts';
import type { Outcome } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import type { BundleId, PolicyInput } from '#policy/port.ts';

type Denied = Extract<Outcome, { kind: 'denied' }>;
interface Parked {
  readonly bundle: string;
  readonly digest: string;
  readonly rules: Denied['rules'];
  readonly code: Denied['code'];
}

/** At most that many refusals are remembered; beyond it the oldest is judged again, which is safe. */
const REMEMBERED = 50_000;

/**
 * Refused writes that wait until something that matters changed (I11): the bundle, or the policy input without
 * resourceVersions, status and time. It parks the write id, not the key: the key's other writes go on.
 */
export interface Park {
  /** The standing refusal of that write, where nothing that matters changed. */
  standing(
    writeId: string,
    bundle: BundleId | undefined,
    input: PolicyInput,
  ): Pick<Parked, 'rules' | 'code'> | undefined;
  put(
    writeId: string,
    key: string,
    bundle: BundleId | undefined,
    input: PolicyInput,
    refusal: Pick<Parked, 'rules' | 'code'>,
  ): void;
  lift(writeId: string): void;
  /** Forgets every refusal and returns the keys (as `put` got them) to wake: a new bundle may judge otherwise. */
  clear(): readonly string[];
  size(): number;
}

export function createPark(): Park {
  const parked = new Map<string, Parked & { key: string }>();
  return {
    standing(writeId, bundle, input) {
      const found = parked.get(writeId);
      if (found === undefined || found.bundle !== bundleKey(bundle)) return undefined;
      return found.digest === digestThatMatters(input) ? found : undefined;
    },
    put(writeId, key, bundle, input, refusal) {
      parked.delete(writeId);
      parked.set(writeId, { key, bundle: bundleKey(bundle), digest: digestThatMatters(input), ...refusal });
      const oldest = parked.size > REMEMBERED ? parked.keys().next().value : undefined;
      if (oldest !== undefined) parked.delete(oldest);
    },
    lift: (writeId) => void parked.delete(writeId),
    clear() {
      const keys = new Set([...parked.values()].map(({ key }) => key));
      parked.clear();
      return [...keys];
    },
    size: () => parked.size,
  };
}

const bundleKey = (bundle: BundleId | undefined): string =>
  bundle === undefined ? '' : `${bundle.version}/${bundle.digest}`;

/** SHA-256 of the policy input without what changes all the time and decides nothing. */
export function digestThatMatters(input: PolicyInput): string {
  const { time: _time, epoch: _epoch, bundle: _bundle, ...rest } = input;
  const { preconditions: _preconditions, ...write } = rest.write;
  const { owner, namespace, ...facts } = rest.facts;
  const stable = {
    ...rest,
    write,
    object: steady(rest.object),
    before: steady(rest.before),
    patch: rest.patch === null ? null : steady(rest.patch as ApiObject),
    facts: { ...facts, owner: owner && steady(owner.value), namespace: namespace?.value },
  };
  return createHash('sha256').update(canonical(stable)).digest('hex');
}

function steady(object: ApiObject | null): unknown {
  if (object === null) return null;
  const { status: _status, metadata, ...rest } = object as ApiObject & { status?: unknown };
  const { resourceVersion: _rv, generation: _generation, managedFields: _fields, ...kept } = metadata ?? {};
  return { ...rest, metadata: kept };
}

import { createHash } from 'node:crypto';
import { canonical } from '#core/json.ts';
import type { Outcome } from '#core/plan.ts';
import type { ApiObject } from '#core/resource.ts';
import { type Clock, type Ms, seconds } from '#core/time.ts';
import type { BundleId, PolicyInput } from '#policy/port.ts';

type Denied = Extract<Outcome, { kind: 'denied' }>;
interface Parked {
  readonly key: string;
  readonly namespace: string;
  readonly bundle: string;
  readonly digest: string;
  readonly rules: Denied['rules'];
  readonly code: Denied['code'];
  /** Of one that ends by itself. */
  readonly cancel?: () => void;
}

/** At most that many refusals are remembered; beyond it the oldest is judged again, which is safe. */
const REMEMBERED = 50_000;

/** A judgement that took too long may be quick another time: it is asked for again after this, then after twice as long. */
const TIMEOUT_STANDS: Ms = seconds(60);
const TIMEOUT_STANDS_MOST: Ms = seconds(3600);

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
  /**
   * The keys (as `put` got them) with refusals in a namespace. They still stand, where what the namespace says does not
   * matter to them: to be run again when it says something else, as nobody else would run them.
   */
  of(namespace: string): readonly string[];
  /** Calls back with the key (as `put` got it) of each refusal that ended by time. */
  onExpiry(callback: (key: string) => void): () => void;
  /** Forgets every refusal and returns the keys (as `put` got them) to wake: a new bundle may judge otherwise. */
  clear(): readonly string[];
  size(): number;
}

export function createPark(clock: Clock): Park {
  const parked = new Map<string, Parked>();
  /** How often in a row the judgement of a write took too long. */
  const timeouts = new Map<string, number>();
  const callbacks = new Set<(key: string) => void>();

  const take = (writeId: string): Parked | undefined => {
    const found = parked.get(writeId);
    found?.cancel?.();
    parked.delete(writeId);
    return found;
  };
  const expire = (writeId: string): void => {
    const found = take(writeId);
    if (found !== undefined) for (const callback of callbacks) callback(found.key);
  };
  const ending = (writeId: string): Pick<Parked, 'cancel'> => {
    const times = timeouts.get(writeId) ?? 0;
    bounded(timeouts, writeId, times + 1);
    const wait = Math.min(TIMEOUT_STANDS * 2 ** times, TIMEOUT_STANDS_MOST);
    return { cancel: clock.after(wait, () => expire(writeId)) };
  };

  return {
    standing(writeId, bundle, input) {
      const found = parked.get(writeId);
      if (found === undefined || found.bundle !== bundleKey(bundle)) return undefined;
      return found.digest === digestThatMatters(input) ? found : undefined;
    },
    put(writeId, key, bundle, input, refusal) {
      take(writeId);
      const { code, rules } = refusal;
      const end = code === 'POLICY_TIMEOUT' ? ending(writeId) : {};
      const namespace = input.write.namespace ?? '';
      const entry = {
        key,
        namespace,
        bundle: bundleKey(bundle),
        digest: digestThatMatters(input),
        code,
        rules,
        ...end,
      };
      bounded(parked, writeId, entry)?.cancel?.();
    },
    lift(writeId) {
      timeouts.delete(writeId);
      take(writeId);
    },
    clear() {
      const keys = new Set([...parked.keys()].flatMap((writeId) => take(writeId)?.key ?? []));
      timeouts.clear();
      return [...keys];
    },
    of: (namespace) => [
      ...new Set([...parked.values()].flatMap((one) => (one.namespace === namespace ? [one.key] : []))),
    ],
    onExpiry(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    size: () => parked.size,
  };
}

/** Sets an entry as the newest, and returns the oldest where it had to go. */
function bounded<V>(map: Map<string, V>, id: string, value: V): V | undefined {
  map.delete(id);
  map.set(id, value);
  if (map.size <= REMEMBERED) return undefined;
  const [oldest, dropped] = map.entries().next().value as [string, V];
  map.delete(oldest);
  return dropped;
}

/** Whether both name the same bundle; none is none. */
export function sameBundle(one: BundleId | undefined, other: BundleId | undefined): boolean {
  return bundleKey(one) === bundleKey(other);
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

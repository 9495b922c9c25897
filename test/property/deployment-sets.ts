import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { isControlledBy, ownerReference } from '#core/owner.ts';
import { isActive, isAvailable, isReady, isTerminating } from '#core/pod.ts';
import type { ApiObject } from '#core/resource.ts';
import { formatTime, type Ms } from '#core/time.ts';
import { pod } from '#kit/build.ts';

/** What the ReplicaSets of the world need of it. */
interface Ground {
  readonly objects: () => readonly ApiObject[];
  readonly change: (object: ApiObject) => void;
  readonly now: () => Ms;
}

/** What a ReplicaSet set out to do when it last looked: others change its size meanwhile. */
interface Pass {
  readonly generation: number;
  readonly doomed: ReadonlySet<string>;
  readonly missing: number;
  readonly done: boolean;
}

const sizeOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 1;
const nameOf = ({ metadata }: ApiObject): string => metadata?.name ?? '';
/** The status beside what the API knows: names of the pods that it counts as available. */
const countedIn = (set: ReplicaSet | undefined): readonly string[] =>
  (set?.status as { counted?: readonly string[] } | undefined)?.counted ?? [];

/**
 * ReplicaSets that do their work in three steps, between which anything may happen: they look at their size, they make and
 * delete pods, they count. So a status is always that of an earlier moment, and pods go for a size that is no more.
 */
export function createSets({ objects, change, now }: Ground) {
  let serial = 0;
  const passes = new Map<string, Pass>();

  const podsOf = (set: ReplicaSet): readonly Pod[] =>
    (objects().filter(({ kind }) => kind === 'Pod') as Pod[]).filter((one) => isControlledBy(one, set));

  /** Those go first that are not ready. */
  const look = (set: ReplicaSet): Pass => {
    const active = podsOf(set).filter(isActive);
    const surplus = Math.max(0, active.length - sizeOf(set));
    const worstFirst = [...active].sort((a, b) => Number(isReady(a)) - Number(isReady(b)));
    return {
      generation: set.metadata?.generation ?? 0,
      doomed: new Set(worstFirst.slice(0, surplus).map(nameOf)),
      missing: Math.max(0, sizeOf(set) - active.length),
      done: false,
    };
  };

  const work = (set: ReplicaSet, { doomed, missing }: Pass): boolean => {
    const going = podsOf(set).filter((one) => doomed.has(nameOf(one)) && isActive(one));
    for (const one of going) {
      change({ ...one, metadata: { ...one.metadata, deletionTimestamp: formatTime(now()) } } as Pod);
    }
    for (let left = missing; left > 0; left--) {
      serial += 1;
      const labels = set.spec.template?.metadata?.labels ?? {};
      const owners = [ownerReference('apps/replicasets', set)];
      change(pod({ name: `${nameOf(set)}-${serial}`, labels, phase: 'Pending', owners }));
    }
    return going.length > 0 || missing > 0;
  };

  const available = (set: ReplicaSet, one: Pod): boolean =>
    isActive(one) && isAvailable(one, set.spec.minReadySeconds ?? 0, now());

  const count = (set: ReplicaSet, { generation }: Pass): boolean => {
    const pods = podsOf(set);
    const counted = pods.filter((one) => available(set, one)).map(nameOf);
    const status = {
      replicas: pods.filter(isActive).length,
      readyReplicas: pods.filter((one) => isActive(one) && isReady(one)).length,
      availableReplicas: counted.length,
      terminatingReplicas: pods.filter(isTerminating).length,
      observedGeneration: generation,
      counted,
    };
    const moved = JSON.stringify(status) !== JSON.stringify(set.status);
    if (moved) change({ ...set, status } as ReplicaSet);
    return moved;
  };

  /** The next of the three steps. */
  const step = (set: ReplicaSet): boolean => {
    const id = set.metadata?.uid ?? '';
    const pass = passes.get(id);
    if (pass === undefined) passes.set(id, look(set));
    else if (!pass.done) passes.set(id, { ...pass, done: true });
    else passes.delete(id);
    if (pass === undefined) return false;
    return pass.done ? count(set, pass) : work(set, pass);
  };

  return {
    podsOf,
    step,
    /** All three from the beginning, after what was begun; whether anything changed. */
    follow(name: string): boolean {
      const find = () => objects().find((one) => one.kind === 'ReplicaSet' && nameOf(one) === name) as ReplicaSet;
      let moved = false;
      while (passes.has(find().metadata?.uid ?? '')) moved = step(find()) || moved;
      for (let at = 0; at < 3; at++) moved = step(find()) || moved;
      return moved;
    },
    /**
     * How many of the pods that the controller was told to be available will go on if it gets that size: those that are
     * really there still, and that it is not about to delete. What broke or recovered since it told, nobody can know.
     */
    staying(set: ReplicaSet, shown: ReplicaSet | undefined, size: number): number {
      const doomed = passes.get(set.metadata?.uid ?? '')?.doomed ?? new Set();
      const counted = new Set(countedIn(shown));
      const there = podsOf(set).filter(
        (one) => one.metadata?.deletionTimestamp === undefined && !doomed.has(nameOf(one)) && counted.has(nameOf(one)),
      );
      return Math.min(size, there.length);
    },
  };
}

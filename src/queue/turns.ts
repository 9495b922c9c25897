import { splitKey } from '#core/ref.ts';

/** Unique keys, first in first out within a namespace, the namespaces in turns. */
export interface Turns {
  /** False when the key is in already. */
  push(key: string): boolean;
  /** The next key that `blocked` lets pass, of a namespace that `passed` does not pass over. */
  shift(blocked: (key: string) => boolean, passed?: (namespace: string) => boolean): string | undefined;
  size(): number;
}

/** Whose turn a key waits for; empty for cluster-scoped ones. */
export const namespaceOf = (key: string): string => splitKey(key).namespace ?? '';

export function createTurns(): Turns {
  // Map and Set keep insertion order; a namespace that was served goes to the end.
  const lanes = new Map<string, Set<string>>();
  const all = new Set<string>();

  const serve = (namespace: string, lane: Set<string>, key: string): string => {
    lane.delete(key);
    all.delete(key);
    lanes.delete(namespace);
    if (lane.size > 0) lanes.set(namespace, lane);
    return key;
  };

  return {
    push(key) {
      if (all.has(key)) return false;
      all.add(key);
      const namespace = namespaceOf(key);
      const lane = lanes.get(namespace);
      if (lane === undefined) lanes.set(namespace, new Set([key]));
      else lane.add(key);
      return true;
    },
    shift(blocked, passed = () => false) {
      for (const [namespace, lane] of lanes) {
        if (passed(namespace)) continue;
        for (const key of lane) if (!blocked(key)) return serve(namespace, lane, key);
      }
      return undefined;
    },
    size: () => all.size,
  };
}

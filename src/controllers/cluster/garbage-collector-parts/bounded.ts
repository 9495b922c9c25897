/** A map of at most so many entries: the one that was set longest ago goes first. */
export interface Bounded<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  clear(): void;
}

export function createBounded<V>(most: number): Bounded<V> {
  const entries = new Map<string, V>();
  return {
    get: (key) => entries.get(key),
    clear: () => entries.clear(),
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      const oldest = entries.size > most ? entries.keys().next().value : undefined;
      if (oldest !== undefined) entries.delete(oldest);
    },
  };
}

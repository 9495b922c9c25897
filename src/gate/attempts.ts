/** Counts tries of the same write, for the record: a second try is a second attempt with an intent of its own. */
export interface Attempts {
  /** 1 for the first try of a write id, counting up. */
  next(writeId: string): number;
  /** It is done: a later write of that id is a new one. */
  settled(writeId: string): void;
}

const REMEMBERED = 100_000;

export function createAttempts(): Attempts {
  const counts = new Map<string, number>();
  return {
    next(writeId) {
      const count = (counts.get(writeId) ?? 0) + 1;
      counts.delete(writeId);
      counts.set(writeId, count);
      const oldest = counts.size > REMEMBERED ? counts.keys().next().value : undefined;
      if (oldest !== undefined) counts.delete(oldest);
      return count;
    },
    settled: (writeId) => void counts.delete(writeId),
  };
}

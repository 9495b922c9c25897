/** What waits, by tenant: tenants take turns, each first in first out, so that one with much delays another by one item. */
export interface Fair<T> {
  add(tenant: string, item: T): void;
  next(): T | undefined;
  size(): number;
  /** Takes the newest out of whoever has most waiting. */
  dropOfMost(): T | undefined;
}

export function createFair<T>(): Fair<T> {
  // Map keeps insertion order; a tenant that was served goes to the end.
  const lines = new Map<string, T[]>();
  let size = 0;

  const taken = (tenant: string, line: T[], item: T | undefined): T | undefined => {
    if (line.length === 0) lines.delete(tenant);
    size--;
    return item;
  };
  return {
    add(tenant, item) {
      const line = lines.get(tenant);
      if (line === undefined) lines.set(tenant, [item]);
      else line.push(item);
      size++;
    },
    next() {
      const first = lines.entries().next().value;
      if (first === undefined) return undefined;
      const [tenant, line] = first;
      lines.delete(tenant);
      lines.set(tenant, line);
      return taken(tenant, line, line.shift());
    },
    size: () => size,
    dropOfMost() {
      let most: readonly [string, T[]] | undefined;
      for (const one of lines) if (most === undefined || one[1].length > most[1].length) most = one;
      return most === undefined ? undefined : taken(...most, most[1].pop());
    },
  };
}

import { compareRV, covers } from '#core/rv.ts';

/** Things that wait for a resourceVersion to be passed, in order. They come nearly sorted, so insertion is cheap. */
export interface ByRV<T> {
  add(rv: string, item: T): void;
  /** Takes out all that `synced` covers, oldest first. */
  passed(synced: string): T[];
  /** Takes out everything. */
  clear(): T[];
  size(): number;
}

export function createByRV<T>(): ByRV<T> {
  let entries: { readonly rv: string; readonly item: T }[] = [];
  return {
    add(rv, item) {
      let at = entries.length;
      while (at > 0 && compareRV((entries[at - 1] as { rv: string }).rv, rv) > 0) at--;
      entries.splice(at, 0, { rv, item });
    },
    passed(synced) {
      let count = 0;
      for (const { rv } of entries) {
        if (!covers(synced, rv)) break;
        count++;
      }
      return count === 0 ? [] : entries.splice(0, count).map(({ item }) => item);
    },
    clear() {
      const all = entries.map(({ item }) => item);
      entries = [];
      return all;
    },
    size: () => entries.length,
  };
}

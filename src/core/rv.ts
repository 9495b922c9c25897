/**
 * ResourceVersions are decimal numbers of any size without leading zeros, so length and then bytes order them; no
 * number of ours could hold them all. '' is before everything.
 */
export function compareRV(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether what is known up to `synced` includes `rv`. */
export function covers(synced: string, rv: string): boolean {
  return compareRV(synced, rv) >= 0;
}

export function laterRV(a: string, b: string): string {
  return compareRV(a, b) >= 0 ? a : b;
}

/** Whether this is a resourceVersion that can be ordered; nothing else enters the cache. */
export function isRV(value: unknown): value is string {
  return typeof value === 'string' && /^[1-9]\d{0,39}$/.test(value);
}

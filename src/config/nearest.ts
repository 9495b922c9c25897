/** The candidate that was most likely meant; undefined when none is near. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  if (typed.length > 128) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** `; did you mean x?`, or nothing. */
export function suggestion(typed: string, candidates: Iterable<string>, prefix = ''): string {
  const found = nearest(typed, candidates);
  return found === undefined ? '' : `; did you mean ${prefix}${found}?`;
}

/** Insertions, deletions and replacements that part two strings. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

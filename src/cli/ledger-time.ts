const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** RFC 3339, or an age (`90m`, `24h`, `7d`), as the UTC text that records carry. Throws an Error that names the flag. */
export function parseInstant(flag: string, text: string, now: number): string {
  const age = /^(\d{1,9})([smhd])$/.exec(text);
  if (age !== null) return new Date(now - Number(age[1]) * (UNITS.get(age[2] as string) as number)).toISOString();
  const zoned = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const at = Date.parse(text);
  if (!zoned || Number.isNaN(at)) {
    throw new Error(
      `reading ${flag} "${text.slice(0, 40)}": write 2026-11-20T10:00:00Z, 2026-11-20, or an age such as 90m, 24h, 7d`,
    );
  }
  return new Date(at).toISOString();
}

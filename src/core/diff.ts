import type { Json, JsonObject } from './json.ts';
import { jsonEqual } from './json.ts';

/**
 * The JSON merge patch (RFC 7396) that makes `after` of `before`, with explicit nulls for what goes; empty when they are
 * equal. Lists are replaced whole. A null member counts as absent: merge patches cannot say more.
 */
export function diff(before: object, after: object): JsonObject {
  const old = before as Readonly<Record<string, unknown>>;
  const now = after as Readonly<Record<string, unknown>>;
  const changes: [string, Json][] = [];
  for (const key of Object.keys(old)) {
    if (present(old, key) && !present(now, key)) changes.push([key, null]);
  }
  for (const key of Object.keys(now)) {
    if (!present(now, key)) continue;
    const [left, right] = [present(old, key) ? old[key] : undefined, now[key]];
    if (jsonEqual(left, right)) continue;
    if (isObject(left) && isObject(right)) {
      const inner = diff(left, right);
      if (Object.keys(inner).length > 0) changes.push([key, inner]);
    } else {
      changes.push([key, right as Json]);
    }
  }
  // Not by assignment: a key such as `__proto__` must become a member like any other.
  return Object.fromEntries(changes);
}

/** What a JSON merge patch makes of a value (RFC 7396). */
export function mergePatch(target: unknown, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const members = new Map<string, Json>(isObject(target) ? (Object.entries(target) as [string, Json][]) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key);
    else members.set(key, mergePatch(members.get(key), value as Json));
  }
  return Object.fromEntries(members);
}

/** Whether a merge patch replaces or removes a list. */
export function touchesList(before: unknown, patch: Json): boolean {
  if (Array.isArray(patch) || (patch === null && Array.isArray(before))) return true;
  if (!isObject(patch)) return false;
  return Object.entries(patch).some(([key, value]) =>
    touchesList(isObject(before) && Object.hasOwn(before, key) ? before[key] : undefined, value as Json),
  );
}

function present(object: Readonly<Record<string, unknown>>, key: string): boolean {
  return Object.hasOwn(object, key) && object[key] !== undefined && object[key] !== null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

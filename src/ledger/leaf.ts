import { canonical, type JsonObject } from '#core/json.ts';
import { RECORD_TYPES, type RecordType, SCHEMA_VERSION } from './records.ts';

/** A record as read back. `data` is as it was written by a process that may have been hostile: read it with care. */
export interface Leaf {
  readonly seq: number;
  readonly type: RecordType;
  readonly time: string;
  readonly mono: number;
  readonly prev: string;
  readonly data: JsonObject;
}

/** Undefined when the bytes are not a record in canonical form: one record has one spelling. */
export function parseLeaf(bytes: Buffer): Leaf | undefined {
  try {
    const text = bytes.toString('utf8');
    const value = JSON.parse(text) as Leaf & { v: unknown };
    if (value.v !== SCHEMA_VERSION || !RECORD_TYPES.includes(value.type)) return undefined;
    if (!Number.isSafeInteger(value.seq) || !Number.isSafeInteger(value.mono)) return undefined;
    if (typeof value.time !== 'string' || typeof value.prev !== 'string' || !isObject(value.data)) return undefined;
    if (Number.isNaN(Date.parse(value.time)) || canonical(value) !== text) return undefined;
    return value;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member of a record's data, never one of the prototype. */
export function member(data: JsonObject | undefined, key: string): unknown {
  return data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;
}

export function textOf(data: JsonObject | undefined, key: string): string | undefined {
  const value = member(data, key);
  if (typeof value === 'string') return value;
  const cut = isObject(value) ? member(value, 'cut') : undefined;
  return typeof cut === 'string' ? `${cut}...` : undefined;
}

export function numberOf(data: JsonObject | undefined, key: string): number | undefined {
  const value = member(data, key);
  return typeof value === 'number' ? value : undefined;
}

export function objectOf(data: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = member(data, key);
  return isObject(value) ? value : undefined;
}

/** The items of a capped list. */
export function itemsOf(data: JsonObject | undefined, key: string): readonly unknown[] {
  const items = member(objectOf(data, key), 'items');
  return Array.isArray(items) ? items : [];
}

/** `apps/replicasets`, from the record's group and resource. */
export function resourceOf(data: JsonObject): string {
  return `${textOf(data, 'group') || 'core'}/${textOf(data, 'resource') ?? ''}`;
}

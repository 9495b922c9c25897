import { hash } from 'node:crypto';
import { canonical, type Json, type JsonObject } from '#core/json.ts';

/** A text as it stands in a record: itself, or its beginning with its length and digest when it is over its cap. */
export type CappedText = string | { readonly cut: string; readonly bytes: number; readonly sha256: string };

/** Every list in a record: how many there were, the digest of all of them, and the first few. */
export interface CappedList<T> {
  readonly count: number;
  /** Of the canonical JSON of the whole list; absent when it is empty. */
  readonly sha256?: string;
  readonly items: readonly T[];
}

export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** JSON prints one UTF-16 unit with at most six bytes: a text under a sixth of the cap needs no counting. */
export function cutText(text: string, cap: number): CappedText {
  if (text.length * 6 <= cap || Buffer.byteLength(JSON.stringify(text)) <= cap + 2) return text;
  return { cut: text.slice(0, Math.floor(cap / 6)), bytes: Buffer.byteLength(text), sha256: sha256(text) };
}

export function capList<T, U extends Json | JsonObject>(
  all: readonly T[],
  cap: number,
  render: (item: T) => U,
): CappedList<U> {
  if (all.length === 0) return { count: 0, items: [] };
  return { count: all.length, sha256: sha256(canonical(all)), items: all.slice(0, cap).map(render) };
}

/** A list of texts, each with a cap of its own. */
export function capTexts(all: readonly string[], cap: number, each: number): CappedList<Json> {
  return capList(all, cap, (text) => cutText(text, each) as Json);
}

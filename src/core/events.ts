import type { PlannedEvent } from './plan.ts';
import type { Ref } from './ref.ts';

const MESSAGE_BYTES = 1024;

export function normal(regarding: Ref, reason: string, message: string): PlannedEvent {
  return { regarding, type: 'Normal', reason, message: bounded(message, MESSAGE_BYTES) };
}

export function warning(regarding: Ref, reason: string, message: string): PlannedEvent {
  return { regarding, type: 'Warning', reason, message: bounded(message, MESSAGE_BYTES) };
}

/** The text, cut at a character so that its UTF-8 form has at most that many bytes; the cut shows as `...`. */
export function bounded(text: string, bytes: number): string {
  // A UTF-16 code unit is at most three bytes of UTF-8: most texts need no count.
  if (text.length * 3 <= bytes || new TextEncoder().encode(text).length <= bytes) return text;
  const head = new TextEncoder().encode(text).subarray(0, bytes - 3);
  // A decoder that waits for more leaves out the character that was cut.
  return `${new TextDecoder().decode(head, { stream: true })}...`;
}

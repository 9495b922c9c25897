import { describe, expect, test } from 'vitest';
import type { PlannedEvent } from '#core/plan.ts';
import { createCorrelator } from './correlate.ts';

const now = (mono: number) => ({ wall: mono, mono });
const event = (message: string, name = 'web'): PlannedEvent => ({
  regarding: { resource: 'apps/replicasets', namespace: 'a', name, uid: `u-${name}` },
  type: 'Normal',
  reason: 'SuccessfulCreate',
  message,
});
const standing = { namespace: 'a', name: 'web.1', uid: 'e1', count: 1, first: 0 };

describe('event correlation', () => {
  test('an equal Event counts up the one that stands', () => {
    const correlator = createCorrelator();
    const first = correlator.correlate('replicaset-controller', event('Created pod: a'), now(0));
    if (first.kind !== 'create') throw new Error(first.kind);
    correlator.stands(first.id, standing);
    expect(correlator.correlate('replicaset-controller', event('Created pod: a'), now(1))).toEqual({
      kind: 'count',
      id: first.id,
      message: 'Created pod: a',
      standing,
    });
  });

  test('from the tenth different message on, similar Events are combined into one', () => {
    const correlator = createCorrelator();
    const kinds = Array.from({ length: 12 }, (_, n) => correlator.correlate('c', event(`Created pod: ${n}`), now(n)));
    const messages = kinds.map((one) => (one.kind === 'drop' ? '' : one.message));
    expect(messages.slice(0, 9)).toEqual(Array.from({ length: 9 }, (_, n) => `Created pod: ${n}`));
    expect(messages[9]).toBe('(combined from similar events): Created pod: 9');
    const ids = kinds.map((one) => (one.kind === 'drop' ? '' : one.id));
    expect(ids[9]).toBe(ids[10]);
  });

  test('an object gets 25 at once, then one in five minutes; another object is not touched', () => {
    const correlator = createCorrelator();
    const kinds = Array.from({ length: 40 }, () => correlator.correlate('c', event('same'), now(0)).kind);
    expect(kinds.filter((kind) => kind === 'drop')).toHaveLength(15);
    expect(correlator.correlate('c', event('same', 'constructor'), now(0)).kind).toBe('create');
    expect(correlator.correlate('c', event('same'), now(300_000)).kind).toBe('create');
  });

  test('a message is cut at 1,024 bytes between characters', () => {
    const correlator = createCorrelator();
    const cut = correlator.correlate('c', event('ü'.repeat(2000)), now(0));
    if (cut.kind !== 'create') throw new Error(cut.kind);
    expect(Buffer.byteLength(cut.message)).toBeLessThanOrEqual(1024);
    expect(cut.message).toMatch(/^ü+\.\.\.$/);
  });
});

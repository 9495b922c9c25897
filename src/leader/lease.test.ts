import { describe, expect, test } from 'vitest';
import type { Lease } from '#core/k8s/types.gen.ts';
import {
  ANCHOR_ANNOTATION,
  anchorOf,
  anchorsIn,
  epochOf,
  LEDGERS_ANNOTATION,
  released,
  sight,
  stepLease,
} from './lease.ts';

const self = { identity: 'a_1', namespace: 'kube-system', name: 'kube-controller-manager', leaseDuration: 15_000 };
const now = { wall: Date.UTC(2026, 0, 2, 3, 4, 5, 678), mono: 100_000 };
const TIME = '2026-01-02T03:04:05.678000Z';
const anchor = { origin: 'log', size: 3, root: `${'A'.repeat(43)}=` };
const MINE = '00000000000000aa';
const own = { ...anchor, directory: MINE };
const held = (holder: string, version = '7', spec = {}) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { uid: 'u', resourceVersion: version, annotations: { other: 'kept' } },
  spec: { holderIdentity: holder, leaseDurationSeconds: 20, leaseTransitions: 4, acquireTime: 'then', ...spec },
});

describe('stepLease', () => {
  test('creates a lease that is not there', () => {
    const step = stepLease(sight(undefined, undefined, now.mono, 1), self, now, undefined);
    expect(step).toMatchObject({
      kind: 'create',
      lease: { spec: { holderIdentity: 'a_1', leaseDurationSeconds: 15, leaseTransitions: 0, renewTime: TIME } },
    });
  });

  test('a lease that is not there at the first look was deleted, where replicas ran before: its holder may act', () => {
    const seen = sight(undefined, undefined, now.mono, 15_000, true);
    expect(stepLease(seen, self, { ...now, mono: now.mono + 14_999 }, undefined).kind).toBe('wait');
    expect(stepLease(seen, self, { ...now, mono: now.mono + 15_000 }, undefined).kind).toBe('create');
    const later = sight(seen, held('b_1'), now.mono + 10, 15_000, true);
    expect(later.heldUntil).toBe(now.mono + 10 + 20_000);
  });

  test("waits for the holder's own duration after the last change, by the local clock only", () => {
    const first = sight(undefined, held('b_1', '7', { renewTime: '1999-01-01T00:00:00.000000Z' }), now.mono, 1);
    expect(stepLease(first, self, now, undefined)).toEqual({ kind: 'wait', until: now.mono + 20_000, holder: 'b_1' });
    const same = sight(first, held('b_1'), now.mono + 15_000, 1);
    expect(stepLease(same, self, { ...now, mono: now.mono + 19_999 }, undefined).kind).toBe('wait');
    expect(stepLease(same, self, { ...now, mono: now.mono + 20_000 }, undefined).kind).toBe('acquire');
    const renewed = sight(same, held('b_1', '8'), now.mono + 15_000, 1);
    expect(stepLease(renewed, self, { ...now, mono: now.mono + 34_999 }, undefined).kind).toBe('wait');
  });

  test('a deleted lease is still waited for while its last holder may act', () => {
    const gone = sight(sight(undefined, held('b_1'), now.mono, 1), undefined, now.mono + 100, 1);
    expect(stepLease(gone, self, { ...now, mono: now.mono + 19_999 }, undefined).kind).toBe('wait');
    expect(stepLease(gone, self, { ...now, mono: now.mono + 20_000 }, undefined).kind).toBe('create');
  });

  test('a lease that was free and is deleted may have been taken in between', () => {
    const free = sight(undefined, released(held('b_1'), now, undefined), now.mono, 15_000);
    const gone = sight(free, undefined, now.mono + 100, 15_000);
    expect(stepLease(gone, self, { ...now, mono: now.mono + 15_099 }, undefined).kind).toBe('wait');
    expect(stepLease(gone, self, { ...now, mono: now.mono + 15_100 }, undefined).kind).toBe('create');
    expect(sight(gone, undefined, now.mono + 5000, 15_000)).toBe(gone);
  });

  test('a holder that names no duration is waited for as long as one of ours', () => {
    const seen = sight(undefined, held('b_1', '7', { leaseDurationSeconds: 0 }), now.mono, 15_000);
    expect(seen.heldUntil).toBe(now.mono + 15_000);
  });

  test('a released lease is taken at once, with a new reign', () => {
    const freed = released(held('b_1'), now, undefined);
    expect(freed.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 4 });
    const step = stepLease(sight(undefined, freed, now.mono, 1), self, now, own);
    expect(step).toMatchObject({ kind: 'acquire', lease: { spec: { leaseTransitions: 5, acquireTime: TIME } } });
  });

  test('renewing keeps what it does not understand, the reign and the acquire time', () => {
    const lease = held('a_1', '7', { strategy: 'OldestEmulationVersion', future: [1] });
    const step = stepLease(sight(undefined, lease, now.mono, 1), self, now, own);
    expect(step).toEqual({
      kind: 'renew',
      lease: {
        ...lease,
        metadata: {
          ...lease.metadata,
          annotations: {
            other: 'kept',
            [ANCHOR_ANNOTATION]: JSON.stringify(anchor),
            [LEDGERS_ANNOTATION]: JSON.stringify({ [MINE]: anchor }),
          },
        },
        spec: { ...lease.spec, leaseDurationSeconds: 15, renewTime: TIME },
      },
    });
  });
});

describe('anchorOf', () => {
  const annotated = (text: string) => ({ metadata: { annotations: { [ANCHOR_ANNOTATION]: text } } });
  test('reads what was written', () => {
    expect(anchorOf(annotated(JSON.stringify({ ...anchor, extra: 1 })))).toEqual(anchor);
  });
  test.each([
    'x',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...anchor, size: -1 }),
    JSON.stringify({ ...anchor, root: 'short' }),
    JSON.stringify({ ...anchor, origin: 'x'.repeat(2000) }),
  ])('%s is no anchor', (text) => {
    expect(anchorOf(annotated(text))).toBeUndefined();
  });
  test('hostile annotation keys are just keys', () => {
    const lease = JSON.parse('{"metadata":{"annotations":{"__proto__":"x","constructor":"y"}}}');
    expect(anchorOf(lease)).toBeUndefined();
    expect(Object.keys(released(lease, now, own).metadata?.annotations ?? {})).toEqual([
      '__proto__',
      'constructor',
      ANCHOR_ANNOTATION,
      LEDGERS_ANNOTATION,
    ]);
  });
});

test('an epoch is uid, transitions and holder', () => {
  expect(epochOf(held('a_1'))).toEqual({ lease: 'u', transitions: 4, holder: 'a_1' });
});

describe('anchorsIn', () => {
  const directory = (n: number): string => n.toString(16).padStart(16, '0');
  const ledBy = (...anchors: (typeof own)[]): Lease =>
    anchors.reduce<Lease>((lease, one) => released(lease, now, one), held('b_1'));

  test('whoever led since, each directory finds where it stood itself, and where the last one did', () => {
    const lease = ledBy({ ...own, size: 7 }, { ...own, directory: directory(2), origin: 'other', size: 90 });
    expect(anchorsIn(lease, MINE)).toEqual({
      last: { ...anchor, origin: 'other', size: 90 },
      own: { ...anchor, size: 7 },
    });
    expect(anchorsIn(lease, directory(3))).toEqual({ last: { ...anchor, origin: 'other', size: 90 } });
    expect(anchorsIn(ledBy(own, { ...own, size: 8 }), MINE).own?.size).toBe(8);
    expect(anchorsIn(undefined, MINE)).toEqual({});
  });

  test('sixteen directories are remembered: those that led last', () => {
    const many = Array.from({ length: 18 }, (_, n) => ({ ...own, directory: directory(n), size: n }));
    const [first, second, ...rest] = many;
    const lease = ledBy(...many, { ...own, directory: directory(2), size: 50 });
    expect([first, second].map((one) => anchorsIn(lease, one?.directory ?? '').own)).toEqual([undefined, undefined]);
    expect(rest.map((one) => anchorsIn(lease, one.directory).own?.size)).toEqual([
      50,
      ...rest.slice(1).map(({ size }) => size),
    ]);
  });

  test.each([
    'x',
    '[]',
    'null',
    `{"${MINE}":{"origin":"log"}}`,
    `{"__proto__":${JSON.stringify(anchor)}}`,
    `{"${MINE}":${JSON.stringify(anchor)}, "x":"${'y'.repeat(20_000)}"}`,
  ])('%.60s tells nothing, and is no reason not to go on', (text) => {
    const lease = { ...held('b_1'), metadata: { annotations: { [LEDGERS_ANNOTATION]: text } } };
    expect(anchorsIn(lease, MINE)).toEqual({});
    expect(anchorsIn(released(lease, now, own), MINE).own).toEqual(anchor);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { someDenial, someIntent } from '#kit/ledger.ts';
import { parseLeaf } from '#ledger/leaf.ts';
import { denialData, ENVELOPE_BYTES, intentData, leafOf, noteData, outcomeData } from '#ledger/records.ts';
import { redactor } from '#ledger/redact.ts';
import { MAX_ENTRY_BYTES } from '#ledger/tiles.ts';

const HOSTILE = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '~', 'a.b', 'metadata'];
const key = fc.oneof(fc.constantFrom(...HOSTILE), fc.string());
/** Control characters cost six bytes each in JSON; lone surrogates are no UTF-8. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '\u0001'.repeat(20_000),
    '\ud800'.repeat(10_000),
    'é'.repeat(70_000),
    '"'.repeat(9000),
    'x'.repeat(400),
  ),
);
const texts = fc.array(text, { maxLength: 40 });
const named = fc.record({ apiVersion: text, kind: text, namespace: text, name: text, uid: text });
const wish = fc.record({
  controller: text,
  loop: text,
  key: text,
  writeId: text,
  cause: fc.record({
    reason: text,
    trigger: named,
    owners: fc.array(named, { maxLength: 12 }),
    evidence: fc.constant('absent' as const),
  }),
});
const digest = `sha256:${'0'.repeat(64)}`;
const body = { sha256: '0'.repeat(64), pack: 999_999, offset: 2 ** 26, bytes: 2 ** 18 };
const at = { seq: 2 ** 53 - 1, prev: Buffer.alloc(32, 255), wall: 8.64e15 - 1, mono: 2 ** 53 - 2 };

function fits(type: 'intent' | 'denial' | 'outcome' | 'note', data: string): void {
  const leaf = leafOf(type, data, at);
  expect(leaf.length).toBeLessThanOrEqual(MAX_ENTRY_BYTES);
  expect(leaf.length - Buffer.byteLength(data)).toBeLessThanOrEqual(ENVELOPE_BYTES);
  expect(parseLeaf(leaf)).toMatchObject({ type, seq: at.seq });
}

describe('every draft', () => {
  it('becomes a record that fits into a leaf and reads back in its one canonical form', () => {
    fc.assert(
      fc.property(wish, texts, texts, text, (wished, rules, more, long) => {
        const verdict = { ...someIntent(1).verdict, rules, warnings: more, inputDigest: long, micros: Number.NaN };
        const request = {
          ...someIntent(1).request,
          identity: long,
          path: long,
          contentType: long,
          target: { resource: 'core/pods' as const, namespace: long, name: long, uid: long, subresource: long },
        };
        const epoch = { lease: long, transitions: 1, holder: long };
        const before = { metadata: { uid: long, resourceVersion: long, generation: 3 } };
        const all = {
          ...wished,
          request,
          verdict,
          epoch,
          before,
          user: long,
          certificate: { serial: long, spki: long },
        };
        fits('intent', intentData({ ...someIntent(1), ...all }, digest, body));
        fits(
          'denial',
          denialData({ ...someDenial(1), ...all, titles: more, messages: more }, digest, body, (m) => m),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('of an outcome or a note fits as well', () => {
    fc.assert(
      fc.property(text, texts, (long, many) => {
        const causes = many.map((reason) => ({ reason, field: long }));
        fits(
          'outcome',
          outcomeData(1, {
            kind: 'failed',
            apiReason: long,
            causes,
            uid: long,
            resourceVersion: long,
            name: long,
            took: Number.POSITIVE_INFINITY,
          }),
        );
        fits('note', noteData({ note: 'resolved', auditId: long, as: 'unknown', how: long }));
        const held = { hold: long, controller: long, root: { id: long, resource: long, namespace: long, name: long } };
        const why = { scope: 'cause', reason: long, weight: 0.2, limit: 40, evidence: long } as const;
        const sample = Array.from({ length: 50 }, () => long);
        fits('note', noteData({ note: 'breaker-trip', ...held, ...why, writes: 50, sample }));
        fits('note', noteData({ note: 'breaker-release', ...held, by: long, said: long, weight: 1, expiry: 1 }));
      }),
      { numRuns: 60 },
    );
  });
});

const SECRET = 'hunter2';
/** Any JSON with hostile keys whose every scalar is a secret. */
const { value: secrets } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(`${SECRET}-text`, `${SECRET}=`),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((members) => {
      // As JSON.parse makes them: own keys, whatever they are called.
      const object: Record<string, unknown> = {};
      for (const [name, value] of members)
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
      return object;
    }),
  ),
}));

describe('redaction', () => {
  const { object, scrub } = redactor(Buffer.alloc(32, 7));
  const target = { resource: 'core/pods', namespace: 'ns', name: 'web' } as const;

  it('lets no value out of the places that are not on the list, whatever keys lead there', () => {
    fc.assert(
      fc.property(secrets, secrets, secrets, (annotations, command, data) => {
        const pod = {
          metadata: { name: 'web', annotations },
          spec: { containers: [{ name: 'c', command, env: [{ name: 'E', value: data }], args: data }] },
          data,
        };
        const out = object(target, pod);
        expect(out).not.toContain(SECRET);
        expect(JSON.parse(out).spec.containers[0].name).toBe('c');
        const secret = object(
          { resource: 'core/secrets', name: 's' },
          { metadata: { name: 's', annotations }, data, stringData: data, type: data },
        );
        expect(secret).not.toContain(SECRET);
        expect(Object.keys(JSON.parse(secret))).not.toContain('data');
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same value the same digest at the same place only', () => {
    const digestOf = (uid: string, path: 'command' | 'args', value: string): string =>
      JSON.parse(object({ ...target, uid }, { spec: { containers: [{ [path]: [value] }] } })).spec.containers[0][path][
        '~'
      ];
    expect(digestOf('a', 'command', 'x')).toBe(digestOf('a', 'command', 'x'));
    expect(
      new Set([
        digestOf('a', 'command', 'x'),
        digestOf('b', 'command', 'x'),
        digestOf('a', 'args', 'x'),
        digestOf('a', 'command', 'y'),
      ]).size,
    ).toBe(4);
    const other = redactor(Buffer.alloc(32, 8)).object(
      { ...target, uid: 'a' },
      { spec: { containers: [{ command: ['x'] }] } },
    );
    expect(other).not.toContain(digestOf('a', 'command', 'x'));
  });

  it('takes what looks like a credential out of messages', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----';
    const found = scrub(`image is not allowed; ${pem}; ${'Zm9v'.repeat(20)}`);
    expect(found).toMatch(/^image is not allowed; ~[0-9a-f]{32}~; ~[0-9a-f]{32}~$/);
  });
});

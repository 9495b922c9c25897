import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDecoder } from '#cache/decode.ts';
import { projectionOf } from '#cache/projections.ts';
import { share } from '#cache/share.ts';
import { compareRV } from '#core/rv.ts';

const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toString', 'a', 'b'), fc.string({ maxLength: 3 }));
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.integer(), fc.string({ maxLength: 4 }), fc.boolean(), fc.constant(null)),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map((entries) => parse(entries)),
  ),
}));

/** As it would come over the wire: `__proto__` becomes a member of its own. */
function parse(entries: readonly (readonly [string, unknown])[]): unknown {
  return JSON.parse(
    `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  );
}
const text = (value: unknown): string => JSON.stringify(value);
const clone = (value: unknown): unknown => JSON.parse(text(value));

describe('sharing', () => {
  test('never changes what is said, nor what it is shared with', () => {
    fc.assert(
      fc.property(tree, tree, (like, fresh) => {
        const [wanted, kept] = [text(fresh), text(like)];
        const shared = share(like, clone(fresh));
        expect(JSON.parse(text(shared))).toEqual(JSON.parse(wanted));
        expect(text(like)).toBe(kept);
        expect(Object.getPrototypeOf({})).toBe(Object.prototype);
        if (typeof shared === 'object' && shared !== null)
          expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(shared));
      }),
      { numRuns: 500 },
    );
  });

  test('equal parts become one', () => {
    const like = { spec: { containers: [{ image: 'a', env: [{ name: 'x' }] }], volumes: [{ name: 'one' }] } };
    const shared = share(like, clone({ spec: { ...like.spec, volumes: [{ name: 'two' }] } })) as typeof like;
    expect(shared.spec.containers).toBe(like.spec.containers);
    expect(shared.spec.volumes).toEqual([{ name: 'two' }]);
    expect(share(like, clone(like))).toBe(like);
  });
});

describe('decoding', () => {
  const decoder = createDecoder('core/pods', projectionOf('core/pods'));
  const metadata = { name: 'constructor', namespace: '__proto__', uid: 'u', resourceVersion: '7' };

  test('keeps everything but managedFields and last-applied, and freezes it', () => {
    fc.assert(
      fc.property(tree, tree, (spec, status) => {
        const raw = clone({
          metadata: { ...metadata, managedFields: [{ manager: 'x' }], labels: spec },
          spec,
          status,
        });
        const object = decoder.decode(raw) as unknown as Record<string, unknown>;
        expect(clone(object)).toEqual({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { ...metadata, labels: clone(spec) },
          spec: clone(spec),
          status: clone(status),
        });
        expect(Object.isFrozen(object.spec) || typeof object.spec !== 'object').toBe(true);
      }),
    );
  });
});

describe('resourceVersions', () => {
  test('are ordered as the numbers they are, of any size', () => {
    const rv = fc.bigInt({ min: 1n, max: 2n ** 100n });
    fc.assert(
      fc.property(rv, rv, (a, b) => {
        expect(Math.sign(compareRV(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});

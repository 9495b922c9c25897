import { expect, test } from 'vitest';
import { bounded, normal, warning } from './events.ts';

const ref = { resource: 'core/pods', namespace: 'a', name: 'b', uid: 'c' } as const;

test('an event says what it is about', () => {
  expect(normal(ref, 'Made', 'made it')).toEqual({
    regarding: ref,
    type: 'Normal',
    reason: 'Made',
    message: 'made it',
  });
  expect(warning(ref, 'Failed', 'x'.repeat(2000)).message).toBe(`${'x'.repeat(1021)}...`);
});

test.each([
  ['short', 10, 'short'],
  ['just right', 10, 'just right'],
  ['a bit too long', 10, 'a bit t...'],
  ['ééééé', 10, 'ééééé'],
  ['éééééé', 10, 'ééé...'],
  ['€€€€€', 10, '€€...'],
  ['aa😀😀', 9, 'aa😀...'],
  ['aa😀😀', 10, 'aa😀😀'],
])('%s within %i bytes', (text, bytes, cut) => {
  expect(bounded(text, bytes)).toBe(cut);
});

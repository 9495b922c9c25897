import { expect, test } from 'vitest';
import { known } from './known.ts';

test('a fact is its value', async () => {
  expect(await known(async () => 7)).toEqual({ ok: true, value: 7 });
});

test.each([
  ['an error for a person', () => new Error('reading it: too long'), 'reading it: too long'],
  [
    'an error of the system',
    () => Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES', path: '/k' }),
    '/k: EACCES',
  ],
  [
    'a parser that quotes a secret',
    () => {
      try {
        return JSON.parse('-----BEGIN PRIVATE KEY-----');
      } catch (error) {
        return error;
      }
    },
    'a file is malformed',
  ],
  ['anything else', () => 'hunter2', 'it cannot be read'],
])('%s', async (_, thrown, why) => {
  const found = await known(() => {
    throw thrown();
  });
  expect(found).toEqual({ ok: false, why });
});

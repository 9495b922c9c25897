import { describe, expect, test } from 'vitest';
import { generatedPrefix, isDnsSubdomain } from './names.ts';

describe('isDnsSubdomain', () => {
  test.each(['a', 'a-b', 'a.b-c.d', '0', 'x'.repeat(253)])('takes %s', (name) => {
    expect(isDnsSubdomain(name)).toBe(true);
  });
  test.each(['', '-a', 'a-', 'A', 'a..b', 'a_b', 'a/b', 'a\n', 'x'.repeat(254)])('refuses %j', (name) => {
    expect(isDnsSubdomain(name)).toBe(false);
  });
});

describe('generatedPrefix', () => {
  test.each([
    ['web', 'web-'],
    ['web.v1', 'web.v1-'],
    ['x'.repeat(253), `${'x'.repeat(253)}-`],
    ['x'.repeat(254), 'x'.repeat(254)],
    ['-web', '-web'],
  ])('of %s', (name, prefix) => {
    expect(generatedPrefix(name)).toBe(prefix);
  });
});

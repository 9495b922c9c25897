import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from './tree.ts';

/** One test that SECURITY.md names for an invariant: a file, and words of its title. */
interface Claim {
  readonly file: string;
  readonly title: string;
}

const security = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
const section = security.slice(security.indexOf('## Invariants and their tests'));
const rows = [...section.matchAll(/^\| (I\d+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, number, invariant, tests]) => ({
  number: number as string,
  invariant: (invariant as string).trim(),
  tests: tests as string,
}));
const claimsOf = (tests: string): Claim[] =>
  [...tests.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, file, title]) => ({
    file: file as string,
    title: title as string,
  }));

describe('the invariants in SECURITY.md', () => {
  test('all eighteen are there, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 18 }, (_, at) => `I${at + 1}`));
  });

  test.each(rows.map((row) => [row.number, row] as const))('%s names tests that exist', (_, { tests }) => {
    const claims = claimsOf(tests);
    expect(claims.length).toBeGreaterThan(0);
    const missing = claims.filter(
      ({ file, title }) => !existsSync(join(ROOT, file)) || !readFileSync(join(ROOT, file), 'utf8').includes(title),
    );
    expect(missing).toEqual([]);
  });
});

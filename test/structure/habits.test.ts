import { describe, expect, test } from 'vitest';
import { METRICS } from '#telemetry/names.ts';
import { isProduct, sources } from './tree.ts';

const product = sources('src').filter(isProduct);
const all = [...sources('src'), ...sources('deploy'), ...sources('test')];
const lines = (text: string): number => text.split('\n').length;

describe('habits', () => {
  test('files stay under 400 lines, tests under 1200', () => {
    const long = all
      .filter(({ path }) => !path.endsWith('.gen.ts'))
      .filter(({ path, text }) => lines(text) > (path.endsWith('.test.ts') ? 1200 : 400));
    expect(long.map(({ path, text }) => `${path}: ${lines(text)}`)).toEqual([]);
  });

  test('no default exports, no barrels, no file named utils', () => {
    const defaults = product.filter(({ text }) => /^export default /m.test(text));
    const barrels = product.filter(({ text }) => /^export \* from /m.test(text));
    const utils = all.filter(({ path }) => /(^|\/)utils?(\.ts|\/)/.test(path));
    expect([...defaults, ...barrels, ...utils].map(({ path }) => path)).toEqual([]);
  });

  test('every metric that is declared is fed', () => {
    const others = product.filter(({ path }) => path !== 'src/telemetry/names.ts');
    const unfed = Object.keys(METRICS).filter((name) => !others.some(({ text }) => text.includes(`'${name}'`)));
    expect(unfed).toEqual([]);
  });

  test('nothing unfinished, nothing skipped', () => {
    const words = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X|not impl', 'emented'].join(''));
    const unfinished = all.filter(({ path }) => !path.endsWith('.gen.ts')).filter(({ text }) => words.test(text));
    const skipped = all.filter(
      ({ text }) => /\b(describe|it|test)\.(skip|only|todo)\b/.test(text) && !text.includes('nothing skipped'),
    );
    expect([...unfinished, ...skipped].map(({ path }) => path)).toEqual([]);
  });
});

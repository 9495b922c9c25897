import { expect, test } from 'vitest';
import { tally, whyEnded } from './suite.ts';

test.each([
  ['nothing yet', '', '0 of ? tests have ended, 0 of them not well'],
  ['all is well', 'Will run 60 of 3220 specs\n•••\n---\n••', '5 of 60 tests have ended, 0 of them not well'],
  [
    'some failed, and one says so in its own words',
    'Will run 9 of 10 specs\n••\n--\n• [FAILED] [2.0 seconds]\n  • [FAILED] in a diff\n--\n• [PANICKED!] [1 seconds]\n• [61 seconds]',
    '5 of 9 tests have ended, 2 of them not well',
  ],
])('tells how far the tests are: %s', (_, output, told) => {
  expect(tally(output)).toBe(told);
});

test('a suite that leaves no report says why, whatever stack follows', () => {
  const said = `Running Suite\npanic: regexp: Compile(\`(\`): error parsing regexp\n${'goroutine 1\n'.repeat(500)}`;
  expect(whyEnded(said)).toBe('panic: regexp: Compile(`(`): error parsing regexp');
  expect(whyEnded('killed')).toBe('killed');
});

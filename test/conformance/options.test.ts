import { describe, expect, test } from 'vitest';
import { DEFAULT_SKIP, parseOptions } from './options.ts';

describe('the command line', () => {
  test('one focus is enough', () => {
    expect(parseOptions(['--focus', 'ReplicaSet'])).toEqual({
      focus: 'ReplicaSet',
      skip: DEFAULT_SKIP,
      sides: ['upstream', 'comptroller'],
      procs: 2,
      nodes: 4,
      timeout: 120,
      record: false,
    });
  });

  test('everything can be said', () => {
    const argv = '--focus a --skip b --manager upstream --procs 4 --nodes 7 --timeout 9 --record'.split(' ');
    expect(parseOptions(argv)).toEqual({
      focus: 'a',
      skip: 'b',
      sides: ['upstream'],
      procs: 4,
      nodes: 7,
      timeout: 9,
      record: true,
    });
  });

  test.each([
    ['no focus', []],
    ['an empty focus, which would be every test there is', ['--focus', '']],
    ['another manager', ['--focus', 'a', '--manager', 'none']],
    ['no process', ['--focus', 'a', '--procs', '0']],
    ['half a node', ['--focus', 'a', '--nodes', '1.5']],
    ['an argument that nobody asked for', ['--focus', 'a', 'b']],
  ])('refuses %s', (_, argv) => {
    expect(() => parseOptions(argv)).toThrow(expect.objectContaining({ exitCode: 1 }));
  });

  test.each([
    ['[sig-apps] Deployment [Feature:Something] x', true],
    ['[sig-apps] x [Disruptive]', true],
    ['[sig-apps] x [Flaky]', true],
    ['[sig-apps] x [Serial] [Conformance]', false],
    ['[sig-apps] x [FeatureGate:Something] [Beta]', false],
  ])('skips by default, or does not: %s', (name, skipped) => {
    expect(new RegExp(DEFAULT_SKIP).test(name)).toBe(skipped);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readResult } from './result.ts';

const violation = { rule: 'a/b', title: 'T.', message: 'm', severity: 'low', controls: [] };
const allow = { allow: true, violations: [], warnings: [], needs: [] };
const deny = { ...allow, allow: false, violations: [violation] };
const kindOf = (result: unknown): string => readResult([{ result }], 1).kind;

describe('I2: only a well-formed allow allows', () => {
  test('the two that are well-formed', () => {
    expect(readResult([{ result: allow }], 3)).toEqual({ kind: 'allow', warnings: [], micros: 3 });
    expect(readResult([{ result: deny }], 3)).toMatchObject({ kind: 'deny', violations: [violation] });
    expect(kindOf({ ...allow, allow: false, needs: ['live'] })).toBe('deny');
  });

  test('no result is undefined, and so is what is no list', () => {
    for (const results of [[], undefined, null, {}, 'x', true]) {
      expect(readResult(results, 1)).toEqual({ kind: 'error', code: 'POLICY_UNDEFINED', micros: 1 });
    }
  });

  test.each<[string, unknown]>([
    ['two results', undefined],
    ['a rule without a group', { ...deny, violations: [{ ...violation, rule: 'privileged' }] }],
    ['a rule that is a path', { ...deny, violations: [{ ...violation, rule: '../x' }] }],
    ['an unknown severity', { ...deny, violations: [{ ...violation, severity: 'fatal' }] }],
    ['an empty title', { ...deny, violations: [{ ...violation, title: '' }] }],
    ['a long title', { ...deny, violations: [{ ...violation, title: 'x'.repeat(300) }] }],
    ['controls that are no texts', { ...deny, violations: [{ ...violation, controls: [1] }] }],
    ['a violation with more members', { ...deny, violations: [{ ...violation, more: 1 }] }],
    ['warnings that are no texts', { ...allow, warnings: [{}] }],
    ['too many warnings', { ...allow, warnings: Array.from({ length: 40 }, () => 'w') }],
    ['allow that is a number', { ...allow, allow: 1 }],
  ])('%s is malformed', (name, result) => {
    const results = name === 'two results' ? [{ result: allow }, { result: allow }] : [{ result }];
    expect(readResult(results, 1)).toEqual({ kind: 'error', code: 'POLICY_MALFORMED', micros: 1 });
  });

  test('whatever a module returns, it is a judgement, and no allow but the one', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true }),
        fc.constantFrom('allow', 'violations', 'warnings', 'needs'),
        (value, member) => {
          const judged = readResult([{ result: { ...deny, [member]: value } }], 1);
          expect(['deny', 'error']).toContain(judged.kind);
          expect(readResult(value, 1).kind).toBe('error');
        },
      ),
    );
  });
});

test('most severe first; many and long ones are cut', () => {
  const of = (severity: string, rule: string) => ({ ...violation, severity, rule, message: 'x'.repeat(5_000) });
  const many = Array.from({ length: 100 }, (_, at) => of('low', `z/r${at}`));
  const judged = readResult(
    [{ result: { ...deny, violations: [...many, of('high', 'b/b'), of('critical', 'c/c'), of('high', 'a/a')] } }],
    1,
  );
  if (judged.kind !== 'deny') throw new Error(judged.kind);
  expect(judged.violations.slice(0, 3).map(({ rule }) => rule)).toEqual(['c/c', 'a/a', 'b/b']);
  expect(judged.violations.length).toBe(64);
  expect(judged.violations[0]?.message.length).toBe(2048);
});

import { beforeAll, describe, expect, test } from 'vitest';
import { readBundle } from '#policy/bundle.ts';
import { allCases, expandCase, overlay, readCases } from '#policy/cases.ts';
import { createEngine } from '#policy/engine.ts';
import { bytesOf } from '#policy/suite.ts';
import { BUILD, POLICIES } from './support.ts';

const library = readCases(POLICIES);
const cases = allCases(library);
let module: WebAssembly.Module;
let data: unknown;

beforeAll(async () => {
  const { files } = await readBundle(BUILD);
  module = await WebAssembly.compile(files['policy.wasm']);
  data = JSON.parse(files['data.json'].toString('utf8'));
});

/** The cases of `policies/testdata`, which `opa test` runs against the sources as well. */
describe('the committed module decides as the rules do', () => {
  test.each(cases.map((one) => [one.topic, one.name, one] as const))('%s: %s', (_topic, _name, one) => {
    const engine = createEngine(module, bytesOf(one.data === undefined ? data : overlay(data, one.data)));
    const judgement = engine.judge(bytesOf(expandCase(one, library)));
    const rules = judgement.kind === 'deny' ? judgement.violations.map(({ rule }) => rule) : [];
    expect({ kind: judgement.kind, rules: [...new Set(rules)].sort() }).toEqual({
      kind: one.expect.allow ? 'allow' : 'deny',
      rules: [...one.expect.rules].sort(),
    });
  });
});

test('there are cases for every topic, allowed and denied', () => {
  for (const topic of Object.keys(library.cases)) {
    const verdicts = new Set(cases.filter((one) => one.topic === topic).map(({ expect: { allow } }) => allow));
    expect([topic, verdicts.has(false)]).toEqual([topic, true]);
  }
  expect(cases.length).toBeGreaterThan(200);
});

import { COMPILED, runOpa } from './build.ts';
import { readBundle } from './bundle.ts';
import { allCases, type CaseLibrary, expandCase, overlay, type PolicyCase, readCases } from './cases.ts';
import { createEngine } from './engine.ts';
import type { Judgement } from './result.ts';

export const COVERAGE = 95;

/** Runs the Rego tests; throws with opa's report where one fails or the coverage is too low. */
export async function testSources(root: string, opa: string): Promise<{ passed: number; coverage: number }> {
  const paths = [...COMPILED, 'testdata'];
  // A topic is one test to opa, whose own limit is five seconds for all its cases.
  const test = ['test', '--timeout', '120s', '-f', 'json'];
  // With `--coverage` opa exits 0 although tests fail: run them once for the verdict, once for the coverage.
  const verdict = JSON.parse(await runOpa(opa, [...test, ...paths], root)) as {
    fail?: boolean;
    sub_results?: object;
  }[];
  const { coverage } = JSON.parse(await runOpa(opa, [...test, '--coverage', ...paths], root)) as {
    coverage: number;
  };
  if (coverage < COVERAGE)
    throw new Error(`testing the rules: they cover ${coverage.toFixed(1)} %; ${COVERAGE} % are needed`);
  const passed = verdict.reduce(
    (sum, { sub_results: cases }) => sum + (cases === undefined ? 1 : Object.keys(cases).length),
    0,
  );
  return { passed, coverage };
}

/** Runs the same cases against the compiled module; one line for each that fails. */
export async function testCompiled(root: string, directory: string): Promise<readonly string[]> {
  const { files } = await readBundle(directory);
  const module = await WebAssembly.compile(files['policy.wasm']);
  const data: unknown = JSON.parse(files['data.json'].toString('utf8'));
  const library = readCases(root);
  return allCases(library).flatMap((one) => {
    const failure = compare(one, judgeCase(module, data, one, library));
    return failure === undefined ? [] : [`${one.topic}: ${one.name}: ${failure}`];
  });
}

function judgeCase(module: WebAssembly.Module, data: unknown, one: PolicyCase, library: CaseLibrary): Judgement {
  const engine = createEngine(module, bytesOf(one.data === undefined ? data : overlay(data, one.data)));
  return engine.judge(bytesOf(expandCase(one, library)));
}

function compare({ expect }: PolicyCase, judgement: Judgement): string | undefined {
  if (judgement.kind === 'error') return `it gave ${judgement.code}`;
  const spoke = judgement.kind === 'deny' ? [...new Set(judgement.violations.map(({ rule }) => rule))].sort() : [];
  const wanted = [...expect.rules].sort();
  if ((judgement.kind === 'allow') === expect.allow && spoke.join() === wanted.join()) return undefined;
  return `expected ${expect.allow ? 'allow' : wanted.join(', ')}; it said ${judgement.kind === 'allow' ? 'allow' : spoke.join(', ')}`;
}

export function bytesOf(value: unknown): ArrayBuffer {
  return new TextEncoder().encode(JSON.stringify(value)).buffer;
}

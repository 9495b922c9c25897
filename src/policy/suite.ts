import { COMPILED, runOpa } from './build.ts';
import { readBundle } from './bundle.ts';
import { allCases, type CaseLibrary, expandCase, overlay, type PolicyCase, readCases } from './cases.ts';
import { createEngine } from './engine.ts';
import type { Judgement } from './result.ts';

const COVERAGE = 95;

/** A topic is one test to opa, whose own limit is five seconds for all its cases. */
const TEST = ['test', '--timeout', '120s', '-f', 'json', ...COMPILED, 'testdata'];

/** Runs the Rego tests, and gives how many cases passed; throws with opa's report where one fails. */
export async function testSources(root: string, opa: string): Promise<number> {
  const verdict = JSON.parse(await runOpa(opa, TEST, root)) as readonly { readonly sub_results?: object }[];
  return verdict.reduce(
    (sum, { sub_results: cases }) => sum + (cases === undefined ? 1 : Object.keys(cases).length),
    0,
  );
}

/** Percent of the rules' lines that the Rego tests run; throws where they are too few. Says nothing of tests that fail. */
export async function coverageOf(root: string, opa: string): Promise<number> {
  const { coverage } = JSON.parse(await runOpa(opa, [...TEST, '--coverage'], root)) as { readonly coverage: number };
  if (coverage < COVERAGE)
    throw new Error(`testing the rules: they cover ${coverage.toFixed(1)} %; ${COVERAGE} % are needed`);
  return coverage;
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

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { goProgram } from './go-program.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Draws so many times the cases that CI draws: `ORACLE_TIMES=50 npx vitest run --project oracle`, before a change is believed. */
const TIMES = Number(process.env.ORACLE_TIMES ?? 1);
/** CI draws the same cases each time: who explores gives a seed of their own, and can give it again. */
const SEED = Number(process.env.ORACLE_SEED ?? 1);

/** Kubernetes' own code, to hold ours against: see test/oracle for the questions. */
export interface Oracle {
  /** Answers in the order of the questions, all in one process. */
  ask(questions: readonly object[]): Promise<readonly unknown[]>;
}

/** Of the Kubernetes that the tests run on; with the control plane built, Go's cache has nearly all of it. */
export async function buildOracle(): Promise<Oracle> {
  const binary = await goProgram(join(ROOT, 'test/oracle'), join(ROOT, 'deploy/local/go/kubernetes/go.mod'));
  return { ask: (questions) => askAll(binary, questions) };
}

/** So many cases as CI draws, or as often more as was asked for. */
export const draw = <C>(cases: fc.Arbitrary<C>, numRuns: number): readonly C[] =>
  fc.sample(cases, { numRuns: numRuns * TIMES, seed: SEED });

/** Draws cases, asks Kubernetes about all of them at once, and compares one by one. Where it cannot answer, nothing is compared. */
export async function compareWith<C, A>(
  oracle: Oracle,
  cases: fc.Arbitrary<C>,
  numRuns: number,
  question: (drawn: C) => object,
  check: (drawn: C, answer: A) => void,
): Promise<void> {
  const drawn = draw(cases, numRuns);
  const answers = await oracle.ask(drawn.map(question));
  for (const [at, one] of drawn.entries()) {
    const answer = answers[at];
    const failure = failureIn(answer);
    if (failure !== undefined) throw new Error(`the oracle cannot answer ${JSON.stringify(one)}: ${failure}`);
    check(one, answer as A);
  }
}

/** What an answer says that is none: `{"error": "..."}` and nothing else. */
function failureIn(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || Object.keys(answer).join() !== 'error') return undefined;
  const { error } = answer as { readonly error: unknown };
  return typeof error === 'string' ? error : undefined;
}

function askAll(binary: string, questions: readonly object[]): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = Buffer.concat(chunks).toString().split('\n').filter(Boolean);
      if (code === 0 && lines.length === questions.length) resolve(lines.map((line) => JSON.parse(line) as unknown));
      else reject(new Error(`the oracle ended with ${code} after ${lines.length} of ${questions.length} answers`));
    });
    child.stdin.on('error', reject);
    child.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(''));
  });
}

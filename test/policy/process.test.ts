import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { caseInput, discard, SIGNER, scratch, signedBaseline } from './support.ts';

const run = promisify(execFile);
const directory = scratch();
afterAll(() => discard(directory));

/** As `comptroller run` is started; workers inherit what is theirs of it. */
const FLAGS = [
  '--disallow-code-generation-from-strings',
  '--no-addons',
  '--disable-proto=throw',
  '--disable-sigusr1',
] as const;

test('the evaluator and its worker load and decide in the hardened process', async () => {
  const bundle = await signedBaseline(directory);
  const inputs = [caseInput('replicaset', 'creates a pod'), caseInput('replicaset', 'a pod without owner')];
  const child = join(import.meta.dirname, 'hardened-process.ts');
  const args = [...FLAGS, child, bundle, JSON.stringify(SIGNER.publicJwk), ...inputs.map((one) => JSON.stringify(one))];
  const { stdout } = await run(process.execPath, args);
  expect(JSON.parse(stdout)).toMatchObject({ verdicts: ['allow', 'deny'], notes: [{ activated: true }] });
});

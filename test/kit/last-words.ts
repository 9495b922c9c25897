import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { beforeEach } from 'vitest';
import type { ManagedProcess } from '#local/supervisor.ts';

const LINES = 12;
const WIDTH = 400;

/** After each failed test of the file: whether the processes still run, and the last warnings and errors of each. */
export function tellLastWords(started: readonly ManagedProcess[]): void {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      for (const process of started) console.log(await lastWords(process));
    });
  });
}

async function lastWords({ name, exited, logFile }: ManagedProcess): Promise<string> {
  const exit = await Promise.race([exited, setTimeout(0)]);
  const words = readFileSync(logFile, 'utf8').trim().split('\n');
  const loud = words.filter((line) => /"level":"(warn|error|fatal)"/.test(line));
  const shown = (loud.length > 0 ? loud : words).slice(-LINES).map((line) => line.slice(0, WIDTH));
  const state = exit === undefined ? 'runs' : `ended with ${exit.code ?? exit.signal}`;
  return [`${name} ${state}; the last it said:`, ...shown].join('\n  ');
}

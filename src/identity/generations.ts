import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exactly, mapOf, only, whole } from '#core/shape.ts';

/** The current generation of each identity; one that is not named is at 1. */
export type Generations = ReadonlyMap<string, number>;

const isFile = exactly({ version: only(1), generations: mapOf(/^[a-z][a-z0-9-]{0,62}$/, whole(1, 999_999_999)) });

export function generationOf(generations: Generations, identity: string): number {
  return generations.get(identity) ?? 1;
}

export function generationsFile(keeperState: string): string {
  return join(keeperState, 'generations.json');
}

/** Reads the file; none means that nothing was ever revoked. A broken one stops the caller: guessing would restore rights. */
export function readGenerations(keeperState: string): Generations {
  const file = generationsFile(keeperState);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    content = undefined;
  }
  if (!isFile(content)) {
    throw new Error(
      `reading ${file}: it must be {"version":1,"generations":{"<identity>":<whole number from 1>}}; restore it from the bindings in the cluster (kubectl get clusterrolebindings)`,
    );
  }
  return new Map(Object.entries(content.generations));
}

/** Raises one identity's generation, by one or to what another replica's was raised to; durably; returns it. */
export function raiseGeneration(keeperState: string, identity: string, to?: number): number {
  const generations = new Map(readGenerations(keeperState));
  const current = generationOf(generations, identity);
  const raised = to ?? current + 1;
  if (raised <= current)
    throw new Error(`raising the generation of ${identity}: it is ${current} already, and never goes back`);
  generations.set(identity, raised);
  const sorted = Object.fromEntries([...generations].sort(([a], [b]) => (a < b ? -1 : 1)));
  writeDurably(generationsFile(keeperState), `${JSON.stringify({ version: 1, generations: sorted }, null, 2)}\n`);
  return raised;
}

function writeDurably(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Module specifiers, resolved to paths from the root where they are ours; `import type` marked. */
  readonly imports: readonly { readonly to: string; readonly typeOnly: boolean }[];
}

/** Every TypeScript file below a folder of the project. */
export function sources(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => read(relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/')))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A file that is neither a test nor generated. */
export const isProduct = ({ path }: Source): boolean => !path.endsWith('.test.ts') && !path.endsWith('.gen.ts');

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|(?:\bimport|\bnew URL)\(\s*'([^']+)'/g;

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const imports = [...text.matchAll(IMPORT)].map((match) => ({
    to: resolve(path, (match[2] ?? match[3]) as string),
    typeOnly: match[1] !== undefined,
  }));
  return { path, text, imports };
}

const ALIASES: Record<string, string> = Object.fromEntries(
  Object.entries(
    (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { imports: Record<string, string> }).imports,
  ).map(([alias, target]) => [alias.replace('*', ''), target.replace('./', '').replace('*', '')]),
);

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(from), specifier).split(sep).join('/');
  const alias = Object.keys(ALIASES).find((prefix) => specifier.startsWith(prefix));
  return alias === undefined ? specifier : ALIASES[alias] + specifier.slice(alias.length);
}

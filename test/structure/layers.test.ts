import { describe, expect, test } from 'vitest';
import { isProduct, type Source, sources } from './tree.ts';

/**
 * Who may import whom, at run time. Types may cross wherever a `port.ts` or `core` offers them, so `import type` of a
 * `port.ts` is always allowed; everything else must be on this list.
 */
const LAYERS: Record<string, readonly string[]> = {
  core: [],
  telemetry: ['core'],
  api: ['core', 'telemetry'],
  cache: ['core', 'api'],
  controllers: ['core'],
  queue: ['core', 'gate'],
  gate: ['core', 'api'],
  ledger: ['core'],
  policy: ['core'],
  keeper: ['core', 'controllers', 'identity', 'config'],
  identity: ['core', 'controllers', 'gate'],
  leader: ['core'],
  config: ['core', 'controllers'],
  doors: ['core', 'api'],
  doctor: [
    'core',
    'telemetry',
    'api',
    'cache',
    'controllers',
    'ledger',
    'policy',
    'keeper',
    'identity',
    'leader',
    'config',
  ],
  cli: ['core', 'config', 'telemetry', 'ledger', 'policy', 'keeper', 'identity', 'controllers', 'doors', 'doctor'],
};

const files = sources('src').filter(isProduct);
const layerOf = (path: string): string => path.split('/')[1] as string;

function strays({ path, imports }: Source): string[] {
  const layer = layerOf(path);
  const allowed = LAYERS[layer];
  if (allowed === undefined) return [`${path}: its folder is not in the table of layers`];
  return (
    imports
      .filter(({ to }) => to.startsWith('src/'))
      // The command `run` starts the composition root, and nothing else may.
      .filter(({ to }) => !(path === 'src/cli/run.ts' && to === 'src/main.ts'))
      .filter(({ to, typeOnly }) => !(typeOnly && (to.endsWith('/port.ts') || to.endsWith('/ports.ts'))))
      .filter(({ to }) => layerOf(to) !== layer && !allowed.includes(layerOf(to)))
      .map(({ to }) => `${path} imports ${to}`)
  );
}

describe('layers', () => {
  test('each folder imports only what stands before it', () => {
    const found = files.filter(({ path }) => path !== 'src/main.ts' && path.split('/').length > 2).flatMap(strays);
    expect(found).toEqual([]);
  });

  test('I5: core and controllers have no clock, randomness, environment, timers or I/O', () => {
    const forbidden =
      /\b(Date\.now|new Date\(\)|Math\.random|performance\.|process\.|setTimeout|setInterval|setImmediate|fetch\(|randomBytes|randomUUID|getRandomValues)/;
    const pure = files.filter(({ path }) => /^src\/(core|controllers)\//.test(path));
    const found = pure.filter(({ text }) => forbidden.test(text)).map(({ path }) => path);
    const modules = pure.flatMap(({ path, imports }) =>
      imports
        .filter(({ to }) => to.startsWith('node:') && to !== 'node:crypto')
        .map(({ to }) => `${path} imports ${to}`),
    );
    expect([...found, ...modules]).toEqual([]);
  });

  test('the environment is read in src/config alone', () => {
    const found = files.filter(({ path, text }) => !path.startsWith('src/config/') && /\bprocess\.env\b/.test(text));
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test('nothing but src/policy touches the policy engine, and nothing evaluates code from strings', () => {
    const engine = files.filter(
      ({ path, imports }) =>
        !path.startsWith('src/policy/') && imports.some(({ to }) => to.startsWith('@open-policy-agent/')),
    );
    const evaluating = files.filter(({ text }) => /\beval\(|new Function\(|\bshell:\s*true|\bexecSync?\(/.test(text));
    expect([...engine, ...evaluating].map(({ path }) => path)).toEqual([]);
  });
});

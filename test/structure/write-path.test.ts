import { describe, expect, test } from 'vitest';
import { isProduct, type Source, sources } from './tree.ts';

const files = sources('src').filter(isProduct);
const importers = (target: string | RegExp): string[] =>
  files
    .filter(({ imports }) =>
      imports.some(({ to, typeOnly }) => !typeOnly && (typeof target === 'string' ? to === target : target.test(to))),
    )
    .map(({ path }) => path);
/** The module and all it imports at run time, within src. */
function closure(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const source = files.find((file) => file.path === path);
  for (const { to, typeOnly } of source?.imports ?? [])
    if (!typeOnly && (to.startsWith('src/') || !to.includes('/src/'))) closure(to, seen);
  return seen;
}

describe('the one way out', () => {
  test('I3: only the composition root hands the mutating verbs to the gate', () => {
    expect(importers('src/api/write.ts')).toEqual(['src/main.ts']);
  });

  test('I3: only src/api opens connections to the API server', () => {
    const sockets = importers(/^(undici|node:https?|node:http2|node:net|node:tls)$/);
    const others = sockets.filter((path) => !path.startsWith('src/api/'));
    // The doors listen, the keeper and its client speak over a unix socket, identities hold TLS contexts.
    const known = others.filter((path) => !/^src\/(doors|keeper|identity)\//.test(path));
    expect(known).toEqual([]);
    expect(importers('undici').filter((path) => !path.startsWith('src/api/'))).toEqual([]);
  });

  test('mutating methods are spelled in the writer and the renderer alone', () => {
    const spelled = (source: Source): boolean => /'(PUT|PATCH|DELETE)'/.test(source.text);
    expect(files.filter(spelled).map(({ path }) => path)).toEqual([
      'src/core/request.ts',
      'src/gate/breaker/request.ts',
      'src/gate/exact.ts',
      'src/gate/render.ts',
      'src/leader/request.ts',
    ]);
  });

  test('I4: what holds keys is never loaded into the process that runs controllers', () => {
    const loaded = [...closure('src/cli/run.ts')].filter((path) => path.startsWith('src/keeper/server/'));
    expect(loaded).toEqual([]);
  });

  test('the process that runs controllers loads these packages and no others', () => {
    const packages = [...closure('src/cli/run.ts')].filter(
      (path) => !path.startsWith('src/') && !path.startsWith('node:'),
    );
    const names = packages.map((path) =>
      path
        .split('/')
        .slice(0, path.startsWith('@') ? 2 : 1)
        .join('/'),
    );
    expect([...new Set(names)].sort()).toEqual(
      [
        '@peculiar/x509',
        'pino',
        'prom-client',
        'jose',
        'reflect-metadata',
        'typebox',
        'undici',
        '@open-policy-agent/opa-wasm',
        'yaml',
      ].sort(),
    );
  });
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { isProduct, ROOT, sources } from './tree.ts';

const files = sources('src/controllers').filter(isProduct);
const fileOf = (name: string): string | undefined => files.find(({ path }) => path.endsWith(`/${name}.ts`))?.path;

describe('controllers', () => {
  test('the registry is the folder: one file of the same name each, in the order of names', () => {
    const inFolder = files
      .filter(({ path }) => path.split('/').length === 4)
      .map(({ path }) => path.split('/').at(-1)?.replace('.ts', ''));
    expect(CONTROLLERS.map(({ name }) => name)).toEqual(inFolder.sort());
  });

  test.each(CONTROLLERS.map(({ name }) => [name]))("%s has its test, its policy and that one's test", (name) => {
    const folder = `policies/controllers/${name.replaceAll('-', '_')}`;
    const wanted = [
      fileOf(name)?.replace(/\.ts$/, '.test.ts') ?? name,
      `${folder}/policy.rego`,
      `${folder}/policy_test.rego`,
    ];
    expect(wanted.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('queue names and aliases are unique', () => {
    const queues = CONTROLLERS.flatMap(({ loops }) => loops.map(({ queue }) => queue));
    const names = CONTROLLERS.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(queues).size).toBe(queues.length);
    expect(new Set(names).size).toBe(names.length);
  });
});

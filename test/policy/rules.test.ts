import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { buildBundle, runOpa, sourcesOf } from '#policy/build.ts';
import { readBundle } from '#policy/bundle.ts';
import { declaredData } from '#policy/declared.ts';
import { checkModule } from '#policy/module.ts';
import { inputSchemaText } from '#policy/schema.ts';
import { testSources } from '#policy/suite.ts';
import { BUILD, discard, opaProgram, POLICIES, scratch } from './support.ts';

const directory = scratch();
let opa: string;
beforeAll(async () => {
  opa = await opaProgram();
}, 600_000);
afterAll(() => discard(directory));

const rego = globSync('{gate,lib,controllers}/**/*.rego', { cwd: POLICIES }).sort();

describe('sources', () => {
  test('every Rego test passes', async () => {
    expect(await testSources(POLICIES, opa)).toBeGreaterThan(200);
  });

  test('they are formatted and pass the strict check', async () => {
    expect(await runOpa(opa, ['fmt', '--list', ...rego], POLICIES)).toBe('');
    const compiled = rego.filter((path) => !path.endsWith('_test.rego'));
    await runOpa(opa, ['check', '--strict', '--capabilities', 'capabilities.json', ...compiled], POLICIES);
  });

  test('no call with a reference in it is negated: where the reference is undefined, the negation is too', () => {
    const negated = /\bnot (?:[\w.]+\((?:[^()]*[^\w"(, [])?(?:input|spec|data)\b|(?:input|spec)\.[\w.]+ in )/;
    const found = rego.flatMap((path) =>
      readFileSync(join(POLICIES, path), 'utf8')
        .split('\n')
        .filter((line) => negated.test(line) && !/\bnot object\.get\((?:input|spec), /.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
    expect(negated.test('not is_object(input.facts)')).toBe(true);
    expect(negated.test('not input.object.type in {"Normal"}')).toBe(true);
  });

  test('every rule id is used by one package, and has its title and controls where it stands', () => {
    const homes = new Map<string, Set<string>>();
    for (const path of rego) {
      const text = readFileSync(join(POLICIES, path), 'utf8');
      const home = /^package (\S+)$/m.exec(text)?.[1] ?? '';
      for (const [, rule = ''] of text.matchAll(/"rule": "([^"]+)"/g)) {
        homes.set(rule, (homes.get(rule) ?? new Set()).add(home));
      }
    }
    expect([...homes].filter(([, packages]) => packages.size > 1)).toEqual([]);
    expect(homes.size).toBeGreaterThan(35);
  });
});

describe('what is generated', () => {
  test('the declarations in the data are those of the controllers', () => {
    const committed = JSON.parse(readFileSync(join(POLICIES, 'data/declared.json'), 'utf8'));
    expect(committed).toEqual(declaredData(CONTROLLERS));
  });

  test('the JSON Schema is that of the code', () => {
    expect(readFileSync(join(POLICIES, 'schema/input.v1.json'), 'utf8')).toBe(inputSchemaText());
  });

  test('the committed bundle is what its sources make, byte for byte', async () => {
    const out = join(directory, 'rebuilt');
    await buildBundle({ root: POLICIES, opa, out });
    const committed = await readBundle(BUILD);
    expect(committed.manifest.sources).toEqual(sourcesOf(POLICIES));
    for (const name of ['manifest.json', 'policy.wasm', 'data.json', 'selftest.json']) {
      expect([name, readFileSync(join(out, name)).equals(readFileSync(join(BUILD, name)))]).toEqual([name, true]);
    }
  });
});

interface Builtin {
  readonly name: string;
  readonly decl: { readonly args?: readonly object[] };
  readonly relation?: boolean;
}

describe('capabilities', () => {
  const { builtins } = JSON.parse(readFileSync(join(POLICIES, 'capabilities.json'), 'utf8')) as { builtins: Builtin[] };
  /** Only the compiler writes these. */
  const internal = new Set(['assign', 'eq', 'internal.member_2', 'internal.member_3', 'internal.template_string']);

  async function compile(name: string, body: string, capabilities: readonly string[]): Promise<WebAssembly.Module> {
    const file = join(directory, `${name}.rego`);
    const archive = join(directory, `${name}.tar.gz`);
    writeFileSync(file, `package gate\n\n${body}`);
    await runOpa(opa, ['build', '-t', 'wasm', '-e', 'gate/decision', ...capabilities, '-o', archive, file], directory);
    return WebAssembly.compile(
      execFileSync('tar', ['-xzOf', archive, '/policy.wasm'], { stdio: 'pipe', maxBuffer: 1e8 }),
    );
  }

  test('a module that uses every builtin of the list needs none of the host', async () => {
    const calls = builtins
      .filter(({ name }) => !internal.has(name))
      .map(({ name, decl, relation }, at) => {
        const args = (decl.args ?? []).map((_, place) => `input.a${place}`).join(', ');
        return relation ? `r${at} if ${name}(${args}, _)` : `r${at} := ${name}(${args})`;
      });
    const all = calls.map((_, at) => `r${at}`).join(', ');
    const members = 'm2 if input.a in input.b\n\nm3 if "k", input.a in input.b\n\nt := $"{input.a}"';
    const capabilities = ['--capabilities', join(POLICIES, 'capabilities.json')];
    const module = await compile(
      'all',
      `decision := [${all}, m2, m3, t]\n\n${members}\n\n${calls.join('\n\n')}\n`,
      capabilities,
    );
    expect(calls.length).toBeGreaterThan(80);
    expect(() => checkModule(module)).not.toThrow();
  });

  test('a module that needs one of the host is refused when it is loaded', async () => {
    const module = await compile('host', 'decision := sprintf("%d", [input.a])\n', []);
    expect(() => checkModule(module)).toThrow('it needs builtins of the host');
  });

  test.each(['sprintf', 'http.send', 'time.now_ns', 'opa.runtime', 'rand.intn', 'yaml.unmarshal'])(
    '%s does not compile',
    (name) => expect(builtins.map((builtin) => builtin.name)).not.toContain(name),
  );
});

/** Bundles that somebody signed and nobody should use. Compiled once in a run, where one is needed. */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BundleChange } from '#kit/bundles.ts';
import { buildBundle } from '#policy/build.ts';
import { customBundle, gateThat, opaProgram, POLICIES } from '../../../policy/support.ts';

/** Minutes of searching, without using up the memory. */
const HAY = { hay: 'a'.repeat(600_000), needle: `${'a'.repeat(300_000)}b` };
const GROWN = 'grown := [x | some a in numbers.range(1, 2000000); x := {"a": a, "b": [a, a, a], "c": $"{a} {a}"}]\n';
const UNDEFINED = 'package gate\n\ndecision := {"allow": true} if input.write.name == "nobody"\n';

export interface BadBundle {
  readonly name: string;
  /** How it is refused. */
  readonly why: RegExp;
  make(version: number): Promise<BundleChange>;
}

const compiled = new Map<string, Promise<string>>();

function once(name: string, make: (directory: string) => Promise<string>): Promise<string> {
  const known = compiled.get(name) ?? make(scratch());
  compiled.set(name, known);
  return known;
}

/** Gone with this process. */
function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'comptroller-chaos-policy-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const custom =
  (name: string, gate: string, data: object = {}) =>
  async (version: number) => ({
    version,
    from: await once(name, (directory) => customBundle(directory, { gate, data })),
  });

export const BAD_BUNDLES: readonly BadBundle[] = [
  {
    name: 'corrupt',
    why: /^digest: /,
    make: async (version) => ({
      version,
      after: (directory) => appendFileSync(join(directory, 'policy.wasm'), '\0'),
    }),
  },
  {
    name: 'unsigned',
    why: /^signature: /,
    make: async (version) => ({
      version,
      after: (directory) => writeFileSync(join(directory, 'signatures.json'), '{"signatures":[]}\n'),
    }),
  },
  {
    name: 'endless',
    why: /^self-test: .*POLICY_TIMEOUT/,
    make: custom('endless', gateThat('not found', 'found if contains(data.hay, data.needle)\n'), HAY),
  },
  {
    name: 'hungry',
    why: /^self-test: .*POLICY_(UNDEFINED|TIMEOUT)/,
    make: custom('hungry', gateThat('count(grown) > 0', GROWN)),
  },
  { name: 'undefined', why: /^self-test: .*POLICY_UNDEFINED/, make: custom('undefined', UNDEFINED) },
];

/** The shipped rules, but that a write into a namespace of that prefix is thought about for minutes. */
export async function trapIn(prefix: string, version: number): Promise<BundleChange> {
  const make = async (directory: string): Promise<string> => {
    const root = join(directory, 'policies');
    cpSync(POLICIES, root, { recursive: true });
    const gate = join(root, 'gate/policy.rego');
    const rules = readFileSync(gate, 'utf8').replace(
      'count(violations) == 0\n',
      'count(violations) == 0\n\tnot trapped\n',
    );
    const trapped = `trapped if {\n\tstartswith(input.write.namespace, "${prefix}")\n\tcontains(data.hay, data.needle)\n}\n`;
    writeFileSync(gate, `${rules}\n${trapped}`);
    writeFileSync(join(root, 'data/hay.json'), JSON.stringify(HAY));
    const out = join(directory, 'trap');
    await buildBundle({ root, opa: await opaProgram(), out });
    return out;
  };
  return { version, from: await once(`trap in ${prefix}`, make) };
}

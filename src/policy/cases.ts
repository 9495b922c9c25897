import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from './manifest.ts';

/**
 * One decision with its input: `base` names an input of `testdata/bases.json`, `with` is laid over it (objects merge,
 * all else replaces), `without` takes paths away. `opa test` on the sources and vitest on the compiled module read the
 * same files.
 */
export interface PolicyCase {
  readonly topic: string;
  readonly name: string;
  readonly base: string;
  readonly with: Record<string, unknown>;
  readonly without: readonly string[];
  /** Laid over the bundle's data, for this case only. */
  readonly data: Record<string, unknown> | undefined;
  readonly expect: { readonly allow: boolean; readonly rules: readonly string[] };
  /** Whether it travels with the bundle. */
  readonly selfTest: boolean;
}

export interface CaseLibrary {
  readonly bases: Readonly<Record<string, Record<string, unknown>>>;
  readonly cases: Readonly<Record<string, Readonly<Record<string, Partial<PolicyCase>>>>>;
}

/** Every case below the root's `testdata/`. */
export function readCases(root: string): CaseLibrary {
  const files = globSync('testdata/*.json', { cwd: root }).sort();
  const merged = files.reduce<unknown>(
    (all, file) => overlay(all, JSON.parse(readFileSync(join(root, file), 'utf8'))),
    {},
  );
  return merged as CaseLibrary;
}

export function allCases({ cases }: CaseLibrary): readonly PolicyCase[] {
  return Object.entries(cases).flatMap(([topic, named]) =>
    Object.entries(named).map(([name, one]) => ({
      topic,
      name,
      base: one.base ?? '',
      with: one.with ?? {},
      without: one.without ?? [],
      data: one.data,
      expect: { allow: one.expect?.allow ?? false, rules: one.expect?.rules ?? [] },
      selfTest: one.selfTest ?? false,
    })),
  );
}

/** The whole input of a case. */
export function expandCase(one: PolicyCase, { bases }: CaseLibrary): Record<string, unknown> {
  const base = Object.hasOwn(bases, one.base) ? bases[one.base] : undefined;
  if (base === undefined) throw new Error(`reading the case "${one.name}": no base is named ${one.base}`);
  const reduced = one.without.reduce<unknown>((input, path) => removed(input, path.split('/')), base);
  return overlay(reduced, one.with) as Record<string, unknown>;
}

/** Objects merge, all else replaces: as `object.union` of Rego. */
export function overlay(below: unknown, above: unknown): unknown {
  if (!isRecord(below) || !isRecord(above)) return above;
  const added = Object.entries(above).map(([key, value]) => [
    key,
    Object.hasOwn(below, key) ? overlay(below[key], value) : value,
  ]);
  return { ...below, ...Object.fromEntries(added) };
}

/** As `json.remove` of Rego. */
function removed(value: unknown, [head = '', ...rest]: readonly string[]): unknown {
  if (!isRecord(value) || !Object.hasOwn(value, head)) return value;
  const { [head]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...others, [head]: removed(inner, rest) };
}

import { isRecord, shapeOf } from './manifest.ts';
import type { Judgement } from './result.ts';

/** An input with the decision that the bundle's makers expect of it. */
export interface SelfTestCase {
  readonly name: string;
  readonly input: Record<string, unknown>;
  readonly expect: { readonly allow: boolean; readonly rules: readonly string[] };
}

export interface Probe {
  readonly name: string;
  readonly input: Record<string, unknown>;
  /** Undefined when it is right. */
  readonly check: (judgement: Judgement) => string | undefined;
}

const MAX_CASES = 256;

/** The cases of a bundle; throws an Error that names what is wrong. One must allow, one must deny. */
export function parseSelfTest(value: Record<string, unknown>): readonly SelfTestCase[] {
  const { cases } = value;
  if (!Array.isArray(cases) || cases.length > MAX_CASES) {
    throw new Error(`selftest.json: cases is ${shapeOf(cases)}; it must be an array of at most ${MAX_CASES}`);
  }
  for (const [at, one] of cases.entries()) {
    const expect = isRecord(one) ? one.expect : undefined;
    if (!isRecord(one) || typeof one.name !== 'string' || !isRecord(one.input) || !isRecord(expect)) {
      throw new Error(`selftest.json: cases[${at}] must hold name, input and expect`);
    }
    if (typeof expect.allow !== 'boolean' || !Array.isArray(expect.rules)) {
      throw new Error(`selftest.json: cases[${at}].expect must hold allow and rules`);
    }
  }
  const found = cases as SelfTestCase[];
  for (const allow of [true, false]) {
    if (!found.some(({ expect }) => expect.allow === allow)) {
      throw new Error(`selftest.json: it has no case that must ${allow ? 'be allowed' : 'be denied'}; add one`);
    }
  }
  return found;
}

/**
 * All that a bundle is asked before it is activated: its own cases; what every bundle must refuse; and its own cases
 * again with something in each path that the host's cache drops, where the decision must not change.
 */
export function probesOf(
  cases: readonly SelfTestCase[],
  untracked: (input: unknown) => readonly string[],
): readonly Probe[] {
  const own = cases.map(({ name, input, expect }) => ({ name, input, check: expecting(expect) }));
  const first = cases.find(({ expect }) => expect.allow);
  const hostile = first === undefined ? [] : hostileProbes(first.input);
  const poisoned = cases.flatMap((one) => poisonProbes(one, untracked(one.input)));
  return [...own, ...hostile, ...poisoned];
}

function expecting({ allow, rules }: SelfTestCase['expect']): Probe['check'] {
  return (judgement) => {
    if (judgement.kind === 'error') return `it gave ${judgement.code}`;
    if ((judgement.kind === 'allow') !== allow)
      return allow ? 'it was denied, and must be allowed' : 'it was allowed, and must be denied';
    const spoke = judgement.kind === 'deny' ? judgement.violations.map(({ rule }) => rule) : [];
    const silent = rules.filter((rule) => !spoke.includes(rule));
    return silent.length === 0 ? undefined : `it was denied without ${silent.join(', ')}`;
  };
}

/** However a bundle is written: who is not known, and what is Comptroller's own, is never allowed. */
function hostileProbes(allowed: Record<string, unknown>): Probe[] {
  const controller = { name: 'nobody', identity: 'comptroller:nobody' };
  const write = { ...(allowed.write as object), namespace: 'comptroller-system' };
  const check: Probe['check'] = ({ kind }) => (kind === 'allow' ? 'it was allowed, and no bundle may' : undefined);
  return [
    { name: 'an unknown controller', input: { ...allowed, controller }, check },
    { name: "a write into comptroller's own namespace", input: { ...allowed, write }, check },
    { name: 'an input of another contract', input: { ...allowed, version: 'comptroller.dev/policy/v0' }, check },
  ];
}

const POISONS: readonly unknown[] = [
  true,
  'poison',
  0,
  null,
  {},
  [],
  { poison: 'poison' },
  [{ name: 'poison', poison: true }],
];

function poisonProbes({ name, input, expect }: SelfTestCase, pointers: readonly string[]): Probe[] {
  const sides = (input.write as { verb?: unknown } | undefined)?.verb === 'create' ? ['before'] : ['object', 'before'];
  const check: Probe['check'] = (judgement) =>
    expecting(expect)(judgement) === undefined ? undefined : 'a rule reads a path that the cache drops';
  return pointers.flatMap((pointer) =>
    POISONS.map((poison) => {
      const poisoned = sides
        .filter((side) => isRecord(input[side]))
        .map((side) => [side, withPointer(input[side], pointer.split('/').slice(1).map(unescapePart), poison)]);
      return { name: `${name}, with ${pointer}`, input: { ...input, ...Object.fromEntries(poisoned) }, check };
    }),
  );
}

function unescapePart(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The value with something else at a path; objects that are not there are made. */
function withPointer(value: unknown, [head, ...rest]: readonly string[], replacement: unknown): unknown {
  if (head === undefined) return replacement;
  const object = isRecord(value) ? value : {};
  const inner = Object.hasOwn(object, head) ? object[head] : undefined;
  return { ...object, [head]: withPointer(inner, rest, replacement) };
}

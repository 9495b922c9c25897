import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '#core/json.ts';
import type { ApiObject } from '#core/resource.ts';
import { allCases, expandCase, readCases } from './cases.ts';
import type { PolicyInput } from './port.ts';
import { type Input, InputSchema } from './schema.ts';

/** Read-only all the way down, but not into what is any JSON: that has no end. */
type Frozen<T> = T extends unknown
  ? Same<T, JsonObject> extends true
    ? T
    : Same<T, ApiObject> extends true
      ? T
      : T extends readonly (infer U)[]
        ? readonly (Json extends U ? U : Frozen<U>)[]
        : T extends object
          ? { readonly [K in keyof T]: Frozen<T[K]> }
          : T
  : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** Does not compile when the schema and the port drift apart. */
const agrees: Same<Frozen<Input>, Frozen<PolicyInput>> = true;
/** Members that may be absent agree with anything: their names are compared by themselves. */
const named: readonly [
  Same<keyof Input['facts'], keyof PolicyInput['facts']>,
  Same<keyof Input['cause'], keyof PolicyInput['cause']>,
  Same<keyof Input['write'], keyof PolicyInput['write']>,
] = [true, true, true];

const library = readCases('policies');

describe('the input contract', () => {
  test('the schema and the port agree', () => expect([agrees, ...named]).not.toContain(false));

  test('the bases of the shared cases are inputs', () => {
    for (const [name, base] of Object.entries(library.bases)) {
      const errors = Value.Errors(InputSchema, base).map(({ instancePath, message }) => `${instancePath} ${message}`);
      expect([name, errors]).toEqual([name, []]);
    }
  });

  test('what is no input is told from one', () => {
    const base = library.bases['replicaset-create-pod'] ?? {};
    const odd = [
      {},
      null,
      { ...base, version: 'comptroller.dev/policy/v2' },
      { ...base, more: 1 },
      { ...base, object: 'text' },
      { ...base, write: { ...(base.write as object), verb: 'get' } },
      { ...base, time: { ...(base.time as object), hour: 24 } },
      { ...base, bundle: { version: -1, digest: '' } },
    ];
    expect(odd.filter((one) => Value.Check(InputSchema, one))).toEqual([]);
  });

  test('every field of the dictionary says what it is', () => {
    const silent: string[] = [];
    const visit = (schema: unknown, path: string): void => {
      const { properties, items, anyOf, description } = schema as Record<string, unknown>;
      if (description === undefined && !path.includes('|')) silent.push(path);
      for (const [name, inner] of Object.entries((properties as object | undefined) ?? {})) {
        // Of an API object only its own documentation can say more.
        if (!['metadata', 'apiVersion', 'kind'].includes(name) || path === '' || path === '/write')
          visit(inner, `${path}/${name}`);
      }
      for (const inner of (anyOf as unknown[] | undefined) ?? []) visit(inner, `${path}|`);
      if (items !== undefined) visit(items, `${path}[]`);
    };
    visit({ ...InputSchema, description: 'itself' }, '');
    expect(silent).toEqual([]);
  });
});

describe('shared cases', () => {
  test('each expands to an input of its own, and leaves its base alone', () => {
    const before = JSON.stringify(library.bases);
    const inputs = allCases(library).map((one) => expandCase(one, library));
    expect(JSON.stringify(library.bases)).toBe(before);
    expect(inputs.length).toBe(Object.values(library.cases).flatMap((topic) => Object.keys(topic)).length);
  });

  test('an unknown base is an error that names the case', () => {
    const [first] = allCases(library);
    if (first === undefined) throw new Error('no cases');
    expect(() => expandCase({ ...first, base: 'constructor' }, library)).toThrow(first.name);
  });
});

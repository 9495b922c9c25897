import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { shapeOf } from './errors.ts';
import { suggestion } from './nearest.ts';

/** The parts of JSON Schema that `schema.ts` uses. */
interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
}

export interface Validated {
  /** Complete: every setting that has a default is there. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly problems: readonly string[];
}

/** Fills in defaults and collects everything that is wrong, each with where it stands. `where` names a path for people. */
export function validate(schema: TSchema, given: unknown, where: (path: string) => string): Validated {
  const problems: string[] = [];
  const value = visit(schema as Node, given, '', (path, problem) => void problems.push(`${where(path)}: ${problem}`));
  return { value: value as Readonly<Record<string, unknown>>, problems };
}

type Report = (path: string, problem: string) => void;

function visit(node: Node, given: unknown, path: string, report: Report): unknown {
  if (node.properties === undefined) {
    if (!Value.Check(node as TSchema, given)) report(path, wrong(node, given));
    return given;
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    report(path, `${shapeOf(given)} stands where a map of settings belongs`);
    return {};
  }
  return visitMap(node.properties, node.required ?? [], given as Record<string, unknown>, path, report);
}

function visitMap(
  properties: Readonly<Record<string, Node>>,
  required: readonly string[],
  given: Readonly<Record<string, unknown>>,
  path: string,
  report: Report,
): unknown {
  const known = Object.keys(properties);
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(properties, key)) report(at(path, key), `no such setting${suggestion(key, known)}`);
  }
  const filled = new Map<string, unknown>();
  for (const [key, node] of Object.entries(properties)) {
    const value = Object.hasOwn(given, key) ? given[key] : structuredClone(node.default);
    if (value !== undefined) filled.set(key, visit(node, value, at(path, key), report));
    else if (required.includes(key)) report(at(path, key), `it is missing; set it to ${expected(node)}`);
  }
  return Object.fromEntries(filled);
}

const at = (path: string, key: string): string => (path === '' ? key.slice(0, 64) : `${path}.${key.slice(0, 64)}`);

function wrong(node: Node, given: unknown): string {
  const near = typeof given === 'string' && node.enum !== undefined ? suggestion(given, node.enum.map(String)) : '';
  return `${shapeOf(given)} is not ${expected(node)}${near}`;
}

function expected(node: Node): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (node.type === 'array') {
    const like = node.items?.pattern === undefined ? '' : ` like ${node.items.pattern}`;
    return `a list of at most ${node.maxItems} texts${like}`;
  }
  if (node.pattern !== undefined) return 'a duration such as 15s, 1m30s or 8h';
  if (node.type === 'integer' || node.type === 'number')
    return `${node.type === 'integer' ? 'an integer' : 'a number'} from ${node.minimum} to ${node.maximum}`;
  if (node.type === 'boolean') return 'true or false';
  return `a text of 1 to ${node.maxLength} characters`;
}

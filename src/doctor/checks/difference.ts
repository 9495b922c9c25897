import { jsonEqual } from '#core/json.ts';

/** What the API server adds to what was applied, by the name of the member. */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['matchPolicy', 'Equivalent'],
  ['namespaceSelector', {}],
  ['objectSelector', {}],
  ['scope', '*'],
  ['finalizers', ['kubernetes']],
]);

type Members = Readonly<Record<string, unknown>>;

/** Where an object is not as it was generated: paths, in their order. Defaults of the API server are no difference. */
export function differences(wanted: unknown, found: unknown, path = ''): string[] {
  if (isMembers(wanted) && isMembers(found)) return ofMembers(wanted, found, path);
  if (Array.isArray(wanted) && Array.isArray(found)) {
    if (wanted.length !== found.length) return [`${path}: ${found.length} instead of ${wanted.length}`];
    return wanted.flatMap((item, at) => differences(item, found[at], `${path}[${at}]`));
  }
  return jsonEqual(wanted, found) ? [] : [path];
}

function ofMembers(wanted: Members, found: Members, path: string): string[] {
  const below = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const own = Object.keys(wanted).flatMap((key) =>
    Object.hasOwn(found, key) ? differences(wanted[key], found[key], below(key)) : [`${below(key)}: missing`],
  );
  const more = Object.keys(found)
    .filter((key) => !Object.hasOwn(wanted, key) && !(DEFAULTS.has(key) && jsonEqual(DEFAULTS.get(key), found[key])))
    .map((key) => `${below(key)}: superfluous`);
  return [...own, ...more];
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

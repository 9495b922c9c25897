/**
 * Shapes of small JSON messages and files, checked by hand: the keeper reads nothing else, and a library of schemas takes
 * more memory than all that it does. What a check accepts has exactly these fields, all of its own.
 */
export type Shape<T> = (value: unknown) => value is T;
/** The type of what a shape accepts. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

/** A string of at most `most` UTF-16 units. */
export function text(most: number): Shape<string> {
  return (value): value is string => typeof value === 'string' && value.length <= most;
}

/** A safe integer, both bounds included. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value): value is number => Number.isSafeInteger(value) && between(value as number, least, most);
}

/** A finite number above zero, at most `most`. */
export function positive(most: number): Shape<number> {
  return (value): value is number => typeof value === 'number' && value > 0 && value <= most;
}

export const truth: Shape<boolean> = (value): value is boolean => typeof value === 'boolean';
/** Whatever JSON holds; who takes it on checks it. */
export const anything: Shape<unknown> = (value): value is unknown => value !== undefined;

export function only<const T extends string | number | boolean>(wanted: T): Shape<T> {
  return (value): value is T => value === wanted;
}

export function listOf<T>(shape: Shape<T>, most: number): Shape<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.length <= most && value.every(shape);
}

/** An object whose keys all match the pattern: they come from outside, `constructor` may be one of them. */
export function mapOf<T>(keys: RegExp, shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value): value is Readonly<Record<string, T>> =>
    isObject(value) && Object.entries(value).every(([key, one]) => keys.test(key) && shape(one));
}

/** An object with these fields and no other. */
export function exactly<F extends Readonly<Record<string, Shape<unknown>>>>(
  fields: F,
): Shape<{ readonly [K in keyof F]: Shaped<F[K]> }> {
  const wanted = Object.entries(fields);
  return (value): value is { readonly [K in keyof F]: Shaped<F[K]> } =>
    isObject(value) &&
    Object.keys(value).length === wanted.length &&
    wanted.every(([key, shape]) => Object.hasOwn(value, key) && shape(value[key]));
}

export function either<S extends readonly Shape<unknown>[]>(...shapes: S): Shape<Shaped<S[number]>> {
  return (value): value is Shaped<S[number]> => shapes.some((shape) => shape(value));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function between(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

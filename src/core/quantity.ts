/** A number of Kubernetes' API (`1500m`, `1.5`, `2Gi`, `1e3`) in billionths, which is as fine as it is kept there. */
export type Nanos = bigint;

/** Kubernetes sets no bound; nobody writes longer ones. Keeps hostile text from costing memory. */
const LONGEST = 128;
const LARGEST_EXPONENT = 1000;

const SHAPE = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[+-]?[0-9]*)$/;
const EXPONENT = /^[eE]([+-]?[0-9]{1,9})$/;
const BINARY = new Map([...'KMGTPE'].map((letter, at) => [`${letter}i`, 10 * (at + 1)]));
const DECIMAL = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ...[...'kMGTPE'].map((letter, at): [string, number] => [letter, 3 * (at + 1)]),
]);
const PLACES = 9;
const ONE: Nanos = 10n ** BigInt(PLACES);
/** Numbers with a binary suffix end there; others do not. */
const BINARY_MOST: Nanos = (2n ** 63n - 1n) * ONE;

/**
 * Reads a `resource.Quantity` as kube-apiserver does: what is finer than a billionth is rounded away from zero.
 * Undefined for what is no quantity.
 */
export function nanos(text: string | number): Nanos | undefined {
  const said = String(text);
  const shape = said === '' || said.length > LONGEST ? null : SHAPE.exec(said);
  if (shape === null) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = shape;
  const scale = scaleOf(suffix);
  if (scale === undefined || (whole + fraction === '' && !isZeroWithoutDigits(scale))) return undefined;
  const digits = BigInt(whole + fraction);
  const magnitude =
    scale.base === 2
      ? smaller(shifted(digits << BigInt(scale.exponent), PLACES - fraction.length), BINARY_MOST)
      : shifted(digits, scale.exponent + PLACES - fraction.length);
  return sign === '-' ? -magnitude : magnitude;
}

interface Scale {
  readonly base: 2 | 10;
  readonly exponent: number;
}

function scaleOf(suffix: string): Scale | undefined {
  const binary = BINARY.get(suffix);
  if (binary !== undefined) return { base: 2, exponent: binary };
  const exponent = DECIMAL.get(suffix) ?? Number(EXPONENT.exec(suffix)?.[1] ?? Number.NaN);
  return Math.abs(exponent) <= LARGEST_EXPONENT ? { base: 10, exponent } : undefined;
}

/** Kubernetes reads `Ki`, `m`, `.` and `+` as zero, and refuses `Pi`: no digit is missed where its fast path takes over. */
function isZeroWithoutDigits({ base, exponent }: Scale): boolean {
  return base === 2 ? exponent <= 40 : exponent >= -PLACES;
}

/** digits x 10^by, rounded up. */
function shifted(digits: bigint, by: number): bigint {
  return by >= 0 ? digits * 10n ** BigInt(by) : dividedUp(digits, 10n ** BigInt(-by));
}

function dividedUp(magnitude: bigint, divisor: bigint): bigint {
  return (magnitude + divisor - 1n) / divisor;
}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** The next whole number away from zero, as `Quantity.Value`. */
export function wholeOf(quantity: Nanos): bigint {
  return awayFromZero(quantity, ONE);
}

/** Thousandths, rounded away from zero, as `Quantity.MilliValue`. */
export function millisOf(quantity: Nanos): bigint {
  return awayFromZero(quantity, ONE / 1000n);
}

/** So many ones. */
export function ofWhole(count: number | bigint): Nanos {
  return BigInt(count) * ONE;
}

function awayFromZero(quantity: Nanos, unit: bigint): bigint {
  return quantity < 0n ? -dividedUp(-quantity, unit) : dividedUp(quantity, unit);
}

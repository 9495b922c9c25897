const PERCENT = /^([+-]?[0-9]+)%$/;

/**
 * An `intstr.IntOrString`: a count, or a percentage of `total` as text (`25%`), rounded as said. Undefined when it is
 * absent or neither.
 */
export function scaledValue(
  value: string | number | undefined,
  total: number,
  round: 'up' | 'down',
): number | undefined {
  if (typeof value === 'number') return value;
  const percent = PERCENT.exec(value ?? '')?.[1];
  if (percent === undefined) return undefined;
  const share = (Number(percent) * total) / 100;
  return (round === 'up' ? Math.ceil(share) : Math.floor(share)) + 0;
}

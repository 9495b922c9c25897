const NANO = 1_000_000_000n;
/** Billionths of one, by suffix. */
const SCALE: ReadonlyMap<string, bigint> = new Map([
  ['n', 1n],
  ['u', 1000n],
  ['m', 1_000_000n],
  ['', NANO],
  ['k', NANO * 1000n],
  ['M', NANO * 1000n ** 2n],
  ['G', NANO * 1000n ** 3n],
  ['Ki', NANO * 1024n],
  ['Mi', NANO * 1024n ** 2n],
  ['Gi', NANO * 1024n ** 3n],
]);

/** A quantity of CPU (`4`, `3920m`, `1.5`) in billionths of a core, rounded up; 0 when absent or none that a node has. */
export function nanoCores(quantity: string | number | undefined): bigint {
  const parts = /^\+?([0-9]{1,18})?(?:\.([0-9]{0,18}))?([a-zA-Z]{0,2})$/.exec(String(quantity ?? ''));
  const scale = SCALE.get(parts?.[3] ?? '');
  if (parts === null || scale === undefined) return 0n;
  const [, whole = '', fraction = ''] = parts;
  if (whole === '' && fraction === '') return 0n;
  const divisor = 10n ** BigInt(fraction.length);
  return (BigInt(`${whole}${fraction}`) * scale + divisor - 1n) / divisor;
}

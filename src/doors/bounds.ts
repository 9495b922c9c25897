import type { Clock, Ms } from '#core/time.ts';

/** A token bucket: `take` says whether there is one left. */
export function createBucket(clock: Clock, perSecond: number, burst: number): { take(): boolean } {
  let tokens = burst;
  let last = clock.now().mono;
  return {
    take() {
      const now = clock.now().mono;
      tokens = Math.min(burst, tokens + ((now - last) / 1000) * perSecond);
      last = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

export interface Buckets {
  /** Whether whoever that is has one left. */
  take(who: string): boolean;
}

/** A token bucket for each, of which at most `max` are remembered: the one that was quiet for longest goes first. */
export function createBuckets(clock: Clock, perSecond: number, burst: number, max: number): Buckets {
  const buckets = new Map<string, ReturnType<typeof createBucket>>();
  return {
    take(who) {
      const bucket = buckets.get(who) ?? createBucket(clock, perSecond, burst);
      buckets.delete(who);
      buckets.set(who, bucket);
      const quietest = buckets.keys().next();
      if (buckets.size > max && !quietest.done) buckets.delete(quietest.value);
      return bucket.take();
    },
  };
}

/** An IPv4 address as such, also one that IPv6 wraps; of any other its network of 64 bits, which one host has to itself. */
export function peerOf(address: string): string {
  const wrapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (wrapped !== undefined || !address.includes(':')) return wrapped ?? address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}

export interface Expiring<T> {
  /** The value of that key if it is fresh; else loads it, once for all who ask meanwhile. Undefined is not kept. */
  get(key: string, load: () => Promise<T | undefined>): Promise<T | undefined>;
}

/** Keeps at most `max` values for `ttl` each; the oldest goes first. */
export function createExpiring<T>(clock: Clock, ttl: Ms, max: number): Expiring<T> {
  const kept = new Map<string, { readonly value: T; readonly until: Ms }>();
  const loading = new Map<string, Promise<T | undefined>>();
  const load = async (key: string, begin: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      const value = await begin();
      if (value === undefined) return undefined;
      kept.delete(key);
      kept.set(key, { value, until: clock.now().mono + ttl });
      const oldest = kept.keys().next();
      if (kept.size > max && !oldest.done) kept.delete(oldest.value);
      return value;
    } finally {
      loading.delete(key);
    }
  };
  return {
    async get(key, begin) {
      const found = kept.get(key);
      if (found !== undefined && clock.now().mono < found.until) return found.value;
      const started = loading.get(key) ?? load(key, begin);
      loading.set(key, started);
      return started;
    },
  };
}

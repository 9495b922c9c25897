import { createFair } from '#core/fair.ts';

interface Queued {
  readonly tenant: string;
  readonly text: { readonly length: number };
}

/** Inputs in turns of their tenants, taken in batches. */
export function createFairQueue<J extends Queued>() {
  const waiting = createFair<J>();
  return {
    size: () => waiting.size(),
    add: (job: J): void => waiting.add(job.tenant, job),
    take(count: number, bytes: number): J[] {
      const taken: J[] = [];
      let room = bytes;
      while (taken.length < count && room > 0) {
        const job = waiting.next();
        if (job === undefined) break;
        taken.push(job);
        room -= job.text.length;
      }
      return taken;
    },
    takeAll(): J[] {
      return this.take(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    },
  };
}

interface Queued {
  readonly tenant: string;
  readonly text: { readonly length: number };
}

/** Tenants take turns, so that one with many inputs delays another by one input at most. */
export function createFairQueue<J extends Queued>() {
  const tenants = new Map<string, J[]>();
  let size = 0;
  function next(): J | undefined {
    const first = tenants.entries().next().value;
    if (first === undefined) return undefined;
    const [tenant, jobs] = first;
    const job = jobs.shift();
    // To the end of the line.
    tenants.delete(tenant);
    if (jobs.length > 0) tenants.set(tenant, jobs);
    size--;
    return job;
  }
  return {
    size: () => size,
    add(job: J): void {
      const jobs = tenants.get(job.tenant);
      if (jobs === undefined) tenants.set(job.tenant, [job]);
      else jobs.push(job);
      size++;
    },
    take(count: number, bytes: number): J[] {
      const taken: J[] = [];
      let room = bytes;
      while (taken.length < count && room > 0) {
        const job = next();
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

/** Sorted, with what a table shows of it. */
export class Distribution {
  readonly #sorted: readonly number[];

  constructor(values: readonly number[]) {
    this.#sorted = [...values].sort((a, b) => a - b);
  }

  /** Of no values it is NaN, so that no bound holds for it. */
  at(share: number): number {
    const { length } = this.#sorted;
    return this.#sorted[Math.min(length - 1, Math.ceil(length * share) - 1)] ?? Number.NaN;
  }

  get max(): number {
    return this.at(1);
  }

  /** Milliseconds as `p50 0.21 s, p95 0.40 s, max 0.40 s`. */
  seconds(): string {
    const tell = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
    if (this.#sorted.length === 1) return tell(this.max);
    return `p50 ${tell(this.at(0.5))}, p95 ${tell(this.at(0.95))}, max ${tell(this.max)}`;
  }
}

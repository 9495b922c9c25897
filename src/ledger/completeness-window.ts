/** The time that a join is about: all of it, or from `since` to before `until`. */
export class Window {
  readonly told: { readonly since?: string; readonly until?: string };
  readonly #since: number;
  readonly #until: number;

  constructor({ since, until }: { readonly since?: string; readonly until?: string }) {
    this.told = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
    this.#since = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
    this.#until = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
    // Also where one of them is no time at all.
    if (!(this.#since < this.#until)) throw new Error('reading --since and --until: nothing lies between them');
  }

  get bounded(): boolean {
    return this.told.since !== undefined || this.told.until !== undefined;
  }

  /** Unix milliseconds. What has no time that can be read is never left out. */
  holds(time: number): boolean {
    return Number.isNaN(time) || (time >= this.#since && time < this.#until);
  }
}

/** What a check found. `broken`: proven wrong. `undecided`: what would decide it is not there. */
export interface Finding {
  readonly verdict: 'broken' | 'undecided';
  /** The check's name: a stable word. */
  readonly check: string;
  readonly log?: string;
  readonly seq?: number;
  /** One sentence without values that could be secret. */
  readonly what: string;
}

/** Yes, no, or could not decide. */
export type Verdict = 'verified' | 'broken' | 'undecided';

const MAX_KEPT = 1000;

/** Keeps the first findings and counts them all: a ruined ledger must not fill the memory of who checks it. */
export class Findings {
  readonly list: Finding[] = [];
  count = 0;
  #broken = false;

  add(finding: Finding): void {
    this.count += 1;
    this.#broken ||= finding.verdict === 'broken';
    if (this.list.length < MAX_KEPT) this.list.push(finding);
  }

  get verdict(): Verdict {
    if (this.count === 0) return 'verified';
    return this.#broken ? 'broken' : 'undecided';
  }
}

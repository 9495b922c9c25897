/** What a check may find. `broken`: proven wrong. `undecided`: what would decide it is not there. `note`: good to know. */
export type Grade = 'broken' | 'undecided' | 'note';

export interface VerifyFinding {
  /** A stable word for programs; README.md lists them. */
  readonly code: string;
  readonly grade: Grade;
  readonly log?: string;
  readonly seq?: number;
  /** One sentence, without values of tenants. */
  readonly says: string;
}

export interface LogReport {
  readonly id: string;
  readonly origin: string;
  /** Whole records that were found, and the root over all of them (base64). */
  readonly size: number;
  readonly root: string;
  /** A valid signature covers the first `signedSize` records. */
  readonly signed: boolean;
  readonly signedSize: number;
  /** Whose word the signature is: a key that the caller brought, or one that lay beside the logs. */
  readonly trust: 'given-key' | 'directory-key';
  /** Records by type. */
  readonly records: Record<string, number>;
  /** Intents without an outcome. */
  readonly open: number;
  readonly first?: string;
  readonly last?: string;
  /** The last record is a stop record. */
  readonly stopped: boolean;
}

export interface VerifyReport {
  readonly verdict: 'ok' | 'broken' | 'undecided';
  readonly logs: LogReport[];
  readonly findings: VerifyFinding[];
}

/** Of one code in one log: a ruined ledger must not fill the memory of who checks it. */
const MAX_ALIKE = 20;

/** Collects findings; keeps the first few alike and counts the rest. */
export class VerifyFindings {
  readonly #list: VerifyFinding[] = [];
  readonly #alike = new Map<string, { count: number; grade: Grade; log?: string; code: string }>();
  #broken = false;
  #undecided = false;

  add(grade: Grade, code: string, says: string, at: { readonly log?: string; readonly seq?: number } = {}): void {
    this.#broken ||= grade === 'broken';
    this.#undecided ||= grade === 'undecided';
    const key = `${at.log ?? ''} ${code}`;
    const alike = this.#alike.get(key) ?? { count: 0, grade, code, ...(at.log !== undefined && { log: at.log }) };
    alike.count += 1;
    this.#alike.set(key, alike);
    if (alike.count <= MAX_ALIKE) this.#list.push({ code, grade, ...at, says });
  }

  get verdict(): VerifyReport['verdict'] {
    if (this.#broken) return 'broken';
    return this.#undecided ? 'undecided' : 'ok';
  }

  all(): VerifyFinding[] {
    const more = [...this.#alike.values()].flatMap(({ count, ...about }) =>
      count > MAX_ALIKE ? [{ ...about, says: `${count - MAX_ALIKE} more of these` }] : [],
    );
    return [...this.#list, ...more];
  }
}

/** Where the checks of one log say what they found. */
export type Say = (grade: Grade, code: string, says: string, seq?: number) => void;

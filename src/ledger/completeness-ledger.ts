import type { JsonObject } from '#core/json.ts';
import { parseAuditId } from './checkpoint.ts';
import { digestOf, identifiedBy, Kinds, LogBook } from './completeness-book.ts';
import { type IdentityCount, Micros } from './completeness-report.ts';
import type { Window } from './completeness-window.ts';
import { type Leaf, member, numberOf, objectOf, parseLeaf, textOf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import { type ReadLog, readLogOf, recordsOf, type ViewedLog } from './records-view.ts';

/** Users of this prefix are Comptroller's, whatever the ledgers at hand say. */
const PREFIX = 'comptroller:';
const MAX_USERS = 10_000;

/** The ledger's side of the join, read once. */
export class LedgerSide {
  readonly books = new Map<string, LogBook>();
  readonly kinds = new Kinds();
  readonly identities = new Map<string, IdentityCount>();
  readonly micros = new Micros();
  readonly decisions = { allowed: 0, denied: 0 };
  readonly #window: Window;
  readonly #users = new Set<string>();
  readonly #resolutions: { logId: string; seq: number; as: string | undefined }[] = [];

  constructor(window: Window) {
    this.#window = window;
  }

  isOurs(user: string): boolean {
    return user.startsWith(PREFIX) || this.#users.has(user);
  }

  identity(user: string): IdentityCount {
    const known = this.identities.get(user);
    if (known !== undefined) return known;
    // Beyond the bound they are counted together; no cluster has so many.
    const told = this.identities.size < MAX_USERS ? user : PREFIX;
    const count = this.identities.get(told) ?? { user: told, requests: 0, attempts: 0, matched: 0 };
    this.identities.set(told, count);
    return count;
  }

  /** Reads a log from where the book ends; called again for what a live log has grown by. */
  async read(log: ViewedLog): Promise<ReadLog> {
    const book = this.books.get(log.id) ?? new LogBook(log);
    this.books.set(log.id, book);
    let malformed = 0;
    const records = recordsOf(log, book.size);
    for (;;) {
      const next = await records.next();
      if (next.done === true) return readLogOf(log, next.value, malformed);
      const { seq, entry } = next.value;
      book.grow(seq);
      const leaf = parseLeaf(entry);
      if (leaf === undefined || leaf.seq !== seq) malformed += 1;
      else this.#add(book, leaf, entry);
    }
  }

  /** After all logs are read: what later processes found out about open attempts of earlier ones. */
  resolve(): void {
    for (const { logId, seq, as } of this.#resolutions.splice(0)) this.books.get(logId)?.resolve(seq, as);
  }

  #add(book: LogBook, leaf: Leaf, entry: Buffer): void {
    const { type, data } = leaf;
    if (type === 'intent') this.#intent(book, leaf, entry);
    else if (type === 'outcome') book.outcome(data);
    else if (type === 'denial') this.#decision(leaf);
    else if (type === 'note') this.#note(data);
  }

  #intent(book: LogBook, leaf: Leaf, entry: Buffer): void {
    const identified = identifiedBy(leaf.data, leafHash(entry).toString('hex', 0, 16));
    book.intent(leaf, digestOf(identified), this.kinds.of(identified));
    this.#user(identified.user);
    this.#decision(leaf);
  }

  #user(user: string): void {
    if (user !== '' && this.#users.size < MAX_USERS) this.#users.add(user);
  }

  #decision({ time, data }: Leaf): void {
    const verdict = objectOf(data, 'verdict');
    if (textOf(verdict, 'by') !== 'policy' || !this.#window.holds(Date.parse(time))) return;
    if (member(verdict, 'allow') === true) this.decisions.allowed += 1;
    else this.decisions.denied += 1;
    this.micros.add(numberOf(verdict, 'micros') ?? 0);
  }

  #note(data: JsonObject): void {
    if (data.note === 'certificate') this.#user(textOf(data, 'user') ?? '');
    if (data.note !== 'resolved') return;
    const named = parseAuditId(textOf(data, 'auditId') ?? '');
    if (named === undefined) return;
    const resolution = { logId: named.logId, seq: named.seq, as: textOf(data, 'as') };
    // Most name a record that was read already; the rest waits for its log.
    if (this.books.get(named.logId)?.resolve(named.seq, resolution.as) !== true) this.#resolutions.push(resolution);
  }
}

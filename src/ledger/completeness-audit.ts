import { type AuditEvent, isAnswer, isMutating, isReview } from './audit-events.ts';
import { parseAuditId } from './checkpoint.ts';
import {
  type AttemptKind,
  digestOf,
  type Entry,
  FATE,
  type Identified,
  identifiedBy,
  type LogBook,
  namespaceIn,
  RESOLVED,
  SEEN,
} from './completeness-book.ts';
import type { LedgerSide } from './completeness-ledger.ts';
import type { JoinCode, JoinFinding, JoinFindings } from './completeness-report.ts';
import type { Window } from './completeness-window.ts';
import { parseLeaf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import { recordAt } from './records-view.ts';

/** Events of a live cluster may name records that were written after the ledger was read. */
const MAX_AHEAD = 10_000;
/** Answers after which the storage may or may not hold the write. */
const UNCERTAIN: ReadonlySet<number> = new Set([408, 499, 500, 502, 503, 504]);

/** What the audit log shows at all: whether a kind of attempts is hidden is judged by everybody's events. */
export class Evidence {
  readonly users = new Set<string>();
  readonly resources = new Set<string>();
  readonly verbs = new Set<string>();
  readonly namespaces = new Set<string>();
  readonly #wanted: { readonly [Dimension in keyof AttemptKind]: ReadonlySet<string> };
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  #received = '';
  #at = '';

  /** Only what attempts have in common is watched for, so that memory does not follow the audit log. */
  constructor(kinds: readonly AttemptKind[]) {
    const of = (dimension: keyof AttemptKind): ReadonlySet<string> => new Set(kinds.map((kind) => kind[dimension]));
    this.#wanted = { user: of('user'), resource: of('resource'), verb: of('verb'), namespace: of('namespace') };
  }

  see(event: AuditEvent): void {
    this.#time(event);
    if (this.#wanted.user.has(event.user)) this.users.add(event.user);
    if (!isMutating(event)) return;
    const resource = `${event.group || 'core'}/${event.resource}`;
    const namespace = namespaceIn(event);
    if (this.#wanted.resource.has(resource)) this.resources.add(resource);
    if (this.#wanted.verb.has(event.verb)) this.verbs.add(event.verb);
    if (this.#wanted.namespace.has(namespace)) this.namespaces.add(namespace);
  }

  #time({ received, at }: AuditEvent): void {
    // RFC 3339 in UTC with microseconds, as the API server writes it, sorts as text; parsed only when it is new.
    if (received !== this.#received) this.#first = Math.min(this.#first, Date.parse(received) || this.#first);
    if (at !== this.#at) this.#last = Math.max(this.#last, Date.parse(at) || this.#last);
    this.#received = received;
    this.#at = at;
  }

  get first(): number {
    return this.#first;
  }
  get last(): number {
    return this.#last;
  }
}

/** The audit log's side: compares each event with the attempt that it names. */
export class AuditSide {
  readonly evidence: Evidence;
  writes = 0;
  reviews = 0;
  forbidden = 0;
  readonly closed = { done: 0, refused: 0, undecided: 0, neverArrived: 0 };
  matched = 0;
  readonly #ledger: LedgerSide;
  readonly #findings: JoinFindings;
  readonly #window: Window;
  readonly #ahead: AuditEvent[] = [];

  constructor(ledger: LedgerSide, findings: JoinFindings, window: Window) {
    this.#ledger = ledger;
    this.#findings = findings;
    this.#window = window;
    this.evidence = new Evidence(ledger.kinds.list);
  }

  /** Returns a promise only where a record has to be read again. */
  add(event: AuditEvent): Promise<void> | undefined {
    if (!isAnswer(event)) return undefined;
    this.evidence.see(event);
    const ours = this.#ledger.isOurs(event.user) || this.#ledger.isOurs(event.impersonated);
    if (ours && event.forbidden && this.#window.holds(Date.parse(event.received))) this.forbidden += 1;
    if (!isMutating(event)) return undefined;
    const named = parseAuditId(event.auditId);
    const book = named === undefined ? undefined : this.#ledger.books.get(named.logId);
    if (!ours && book === undefined) return undefined;
    if (named !== undefined && book !== undefined && named.seq >= book.size && this.#ahead.length < MAX_AHEAD) {
      this.#ahead.push(event);
      return undefined;
    }
    return this.#judge(event, named);
  }

  /**
   * Left out is only what was received outside of the window, and names no record of within: a request at its edge has
   * its record on the other side of it.
   */
  #judge(event: AuditEvent, named = parseAuditId(event.auditId)): Promise<void> | undefined {
    const book = named === undefined ? undefined : this.#ledger.books.get(named.logId);
    const recorded = named && book?.entry(named.seq)?.time;
    const within = recorded !== undefined && this.#window.holds(recorded);
    if (!within && !this.#window.holds(Date.parse(event.received))) return undefined;
    if (book === undefined && isReview(event)) {
      this.reviews += 1;
      return undefined;
    }
    this.writes += 1;
    this.#ledger.identity(event.user).requests += 1;
    if (named === undefined) return this.#unrecorded(event, "its Audit-ID is none of Comptroller's");
    if (book === undefined)
      return this.#unrecorded(event, `it names the log ${named.logId}, which is not among those given`);
    return this.#match(event, book, named.seq, named.hash);
  }

  /** To be called when the logs were read once more: compares what named records behind their end. */
  async catchUp(): Promise<void> {
    for (const event of this.#ahead.splice(0)) await this.#judge(event);
  }

  get waits(): boolean {
    return this.#ahead.length > 0;
  }

  #match(event: AuditEvent, book: LogBook, seq: number, auditHash: string): Promise<void> | undefined {
    const entry = book.entry(seq);
    if (entry === undefined) {
      const what = seq < book.size ? 'which is no attempt' : `but the log ends before it, at ${book.size}`;
      return this.#unrecorded(event, `it names record ${seq} of the log ${book.log.id}, ${what}`);
    }
    const { user, verb, group, resource, subresource, namespace, name } = event;
    const identified: Identified = { auditHash, user, verb, group, resource, subresource, namespace, name };
    const same = event.impersonated === '' && book.agrees(seq, digestOf(identified));
    return same ? this.#agreed(event, book, entry) : this.#compare(event, identified, book, entry);
  }

  #agreed(event: AuditEvent, book: LogBook, entry: Entry): Promise<void> | undefined {
    const at = { log: book.log.id, seq: entry.seq };
    if (entry.seen === SEEN.matched) return this.#find('ANSWERED_TWICE', event, 'its record has an event already', at);
    book.see(entry.seq, SEEN.matched);
    this.matched += 1;
    this.#ledger.identity(event.user).matched += 1;
    if (entry.fate === FATE.silent) return this.#find('NOT_SENT', event, 'its record says that it was not sent', at);
    if (entry.fate === FATE.answered) {
      if (entry.status === event.code) return undefined;
      return this.#find('OTHER_CODE', event, `answered ${event.code}, recorded ${entry.status}`, at);
    }
    // The server gave up on it, for instance because its client died: the storage may have it all the same.
    if (UNCERTAIN.has(event.code)) {
      this.closed.undecided += 1;
      return undefined;
    }
    const done = event.code < 300;
    if (done) this.closed.done += 1;
    else this.closed.refused += 1;
    return this.#resolution(event, entry, done, at);
  }

  /** A deletion that found nothing counts as applied: the object is gone, which is what recovery looked for. */
  #resolution(
    event: AuditEvent,
    { resolved }: Entry,
    done: boolean,
    at: { log: string; seq: number },
  ): Promise<void> | undefined {
    const gone = event.verb === 'delete' && (event.code === 404 || event.code === 409);
    if (resolved === RESOLVED.applied && !done && !gone)
      return this.#find('RESOLVED_WRONG', event, 'recorded as applied, but it was refused', at);
    if (resolved === RESOLVED.notApplied && done)
      return this.#find('RESOLVED_WRONG', event, 'recorded as not applied, but it was done', at);
    return undefined;
  }

  /** Not the same at every point: reads the record to say at which, and lets pass what the API server could not know. */
  async #compare(event: AuditEvent, seen: Identified, book: LogBook, entry: Entry): Promise<void> {
    const at = { log: book.log.id, seq: entry.seq };
    const bytes = await recordAt(book.log.path, entry.seq);
    const leaf = bytes === undefined ? undefined : parseLeaf(bytes);
    if (bytes === undefined || leaf === undefined)
      return this.#find('DISAGREES', event, 'its record cannot be read', at);
    const recorded = identifiedBy(leaf.data, leafHash(bytes).toString('hex', 0, 16));
    if (recorded.auditHash !== seen.auditHash)
      return this.#find('DISAGREES', event, 'its Audit-ID names a record of other content', at);
    const stranger = event.code !== 401 && seen.user !== recorded.user;
    if (stranger || event.impersonated !== '') {
      const who = event.impersonated === '' ? seen.user : `${seen.user} as ${event.impersonated}`;
      return this.#find('FOREIGN_USER', event, `sent by ${who}, recorded for ${recorded.user}`, at);
    }
    const differs = differences(seen, recorded);
    if (differs.length === 0) return this.#agreed(event, book, entry);
    if (entry.seen === SEEN.no) book.see(entry.seq, SEEN.disagreed);
    return this.#find('DISAGREES', event, differs.join(', '), at);
  }

  #unrecorded(event: AuditEvent, says: string): Promise<void> {
    return this.#find(event.code < 300 ? 'UNRECORDED_WRITE' : 'UNRECORDED_ATTEMPT', event, says);
  }

  #find(code: JoinCode, event: AuditEvent, says: string, at: { log?: string; seq?: number } = {}): Promise<void> {
    return this.#findings.add(code, () => ({ says, ...aboutEvent(event), ...at }));
  }
}

/** The fields in which a request is not what was recorded. An event without a name says nothing of it. */
function differences(seen: Identified, recorded: Identified): string[] {
  const fields = ['verb', 'group', 'resource', 'subresource'] as const;
  const found = fields.filter((field) => seen[field] !== recorded[field]) as (keyof Identified)[];
  if (namespaceIn(seen) !== namespaceIn(recorded)) found.push('namespace');
  if (seen.name !== '' && seen.name !== recorded.name) found.push('name');
  const quoted = (text: string): string => JSON.stringify(text.slice(0, 253));
  return found.map((field) => `${field} ${quoted(seen[field])}, recorded ${quoted(recorded[field])}`);
}

const MAX_TEXT = 512;

function aboutEvent(event: AuditEvent): Partial<JoinFinding> {
  const cut = (text: string): string => text.slice(0, MAX_TEXT);
  const { user, impersonated, verb, group, resource, subresource, namespace, name, code, auditId, received } = event;
  return {
    at: cut(received),
    user: cut(impersonated === '' ? user : `${user} as ${impersonated}`),
    verb,
    resource: cut([group || 'core', resource, subresource].filter(Boolean).join('/')),
    ...(namespace !== '' && { namespace: cut(namespace) }),
    ...(name !== '' && { name: cut(name) }),
    status: code,
    auditId: cut(auditId),
  };
}

import type { AuditSide } from './completeness-audit.ts';
import { type AttemptKind, type Entry, FATE, type LogBook, RESOLVED, SEEN } from './completeness-book.ts';
import type { LedgerSide } from './completeness-ledger.ts';
import type { GapCode, JoinFinding, JoinFindings, JoinGap } from './completeness-report.ts';
import type { Window } from './completeness-window.ts';
import { parseLeaf, resourceOf, textOf } from './leaf.ts';
import { auditIdFor, recordAt } from './records-view.ts';

/**
 * Answers that the API server gives in filters that stand before the one that audits: no certificate that it trusts
 * (written in the stage ResponseStarted), shutting down, not ready. They change nothing.
 */
const BEFORE_AUDIT: ReadonlySet<number> = new Set([401, 429, 503]);

const DIMENSIONS = ['resource', 'user', 'verb', 'namespace'] as const;

interface Group {
  readonly code: GapCode;
  readonly says: string;
  count: number;
  first: number;
  last: number;
}

/** Attempts without an event: which are right to have none, which are in a gap, and which are missing. */
export class Missing {
  silent = 0;
  refusedEarly = 0;
  total = 0;
  readonly #groups = new Map<string, Group>();
  readonly #ledger: LedgerSide;
  readonly #audit: AuditSide;
  readonly #findings: JoinFindings;
  readonly #window: Window;

  constructor(ledger: LedgerSide, audit: AuditSide, findings: JoinFindings, window: Window) {
    this.#ledger = ledger;
    this.#audit = audit;
    this.#findings = findings;
    this.#window = window;
  }

  /** `sizes`: what was in the logs when the audit log was begun; what came later is compared, not demanded. */
  async run(sizes: ReadonlyMap<string, number>): Promise<readonly JoinGap[]> {
    for (const [id, book] of this.#ledger.books) {
      const size = sizes.get(id) ?? 0;
      for (const entry of book.attempts()) {
        const demanded = entry.seq < size && this.#window.holds(entry.time);
        if (!demanded && entry.seen === SEEN.no) continue;
        this.total += 1;
        this.#ledger.identity(this.#ledger.kinds.at(entry.kind).user).attempts += 1;
        if (entry.fate === FATE.silent) this.silent += 1;
        if (entry.seen === SEEN.no) await this.#one(book, entry);
      }
    }
    const gaps: JoinGap[] = [...this.#groups.values()].map(({ code, says, count, first, last }) => ({
      code,
      says,
      count,
      from: new Date(first).toISOString(),
      until: new Date(last).toISOString(),
    }));
    if (this.#window.bounded && this.total === 0 && this.#audit.writes === 0)
      gaps.push({ code: 'EMPTY', says: 'are --since and --until as they are meant?', count: 1 });
    return gaps;
  }

  async #one(book: LogBook, entry: Entry): Promise<void> {
    if (entry.fate === FATE.silent) return;
    if (entry.fate === FATE.answered && BEFORE_AUDIT.has(entry.status)) {
      this.refusedEarly += 1;
      return;
    }
    const gap = this.#gapOf(entry);
    if (gap !== undefined) return this.#group(gap, entry);
    if (entry.fate === FATE.answered) {
      const says = `answered ${entry.status}, and the audit log of that time does not have it`;
      return this.#findings.add('NOT_IN_AUDIT', () => aboutRecord(book, entry, says));
    }
    this.#audit.closed.neverArrived += 1;
    if (entry.resolved !== RESOLVED.applied) return;
    // An API server that ends by force has done what its log does not tell: recovery looked at the object itself.
    const about = await aboutRecord(book, entry, 'found done, and the audit log of that time does not have it');
    // That the object is gone was true, whoever deleted it.
    if (about.verb !== 'delete') await this.#findings.add('NOT_IN_AUDIT', () => about);
  }

  #gapOf({ time, kind, fate }: Entry): { code: GapCode; says: string } | undefined {
    const { evidence, matched } = this.#audit;
    const open = fate !== FATE.answered;
    if (matched === 0) return { code: 'NOTHING', says: 'is it of this cluster, and of this time?' };
    if (time < evidence.first) return { code: 'BEFORE', says: 'give the older files as well' };
    if (time > evidence.last) return { code: 'AFTER', says: 'give the newer files as well' };
    const hidden = hiddenBy(this.#ledger.kinds.at(kind), this.#audit);
    if (hidden === undefined) return undefined;
    return { code: open ? 'UNCLOSED' : 'HIDDEN', says: hidden };
  }

  #group({ code, says }: { code: GapCode; says: string }, { time }: Entry): void {
    const key = `${code} ${says}`;
    const group = this.#groups.get(key) ?? { code, says, count: 0, first: time, last: time };
    group.count += 1;
    group.first = Math.min(group.first, time);
    group.last = Math.max(group.last, time);
    this.#groups.set(key, group);
  }
}

/** Nobody's event of that resource (user, verb, namespace) is in the audit log: it was not asked to hold it, or was purged. */
function hiddenBy(kind: AttemptKind, { evidence }: AuditSide): string | undefined {
  const shown = {
    resource: evidence.resources,
    user: evidence.users,
    verb: evidence.verbs,
    namespace: evidence.namespaces,
  };
  const dimension = DIMENSIONS.find((name) => kind[name] !== '' && !shown[name].has(kind[name]));
  if (dimension === undefined) return undefined;
  const what = {
    resource: `no ${kind.resource.slice(kind.resource.indexOf('/') + 1)}`,
    user: `nothing of the user ${kind.user}`,
    verb: `no request of the verb ${kind.verb}`,
    namespace: `no write in the namespace ${kind.namespace}`,
  }[dimension];
  return `the audit log holds ${what}: the audit policy hides them, or they were removed`;
}

async function aboutRecord(book: LogBook, { seq }: Entry, says: string): Promise<Omit<JoinFinding, 'code'>> {
  const { id, path } = book.log;
  const bytes = await recordAt(path, seq);
  const leaf = bytes === undefined ? undefined : parseLeaf(bytes);
  if (bytes === undefined || leaf === undefined) return { says, log: id, seq };
  const { data } = leaf;
  const [user, verb, subresource, namespace, name] = ['user', 'verb', 'subresource', 'namespace', 'name'].map((key) =>
    textOf(data, key),
  );
  return {
    says,
    at: leaf.time,
    user: user ?? '',
    verb: verb ?? '',
    resource: [resourceOf(data), subresource].filter(Boolean).join('/'),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    auditId: auditIdFor(id, seq, bytes),
    log: id,
    seq,
  };
}

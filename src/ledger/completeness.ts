import { type AuditEvent, type AuditProblem, auditEvents, mutates } from './audit-log.ts';
import { parseAuditId } from './checkpoint.ts';
import { type Finding, Findings } from './findings.ts';
import { numberOf, resourceOf, textOf } from './leaf.ts';
import { leaves } from './query.ts';
import { claimedAnchor, type LogDirectory } from './reader.ts';

/** What the join says: `complete`, or `incomplete` with the names of what does not match, or that it cannot be decided. */
export interface CompletenessReport {
  readonly verdict: 'complete' | 'incomplete' | 'undecided';
  readonly users: readonly string[];
  readonly counts: {
    /** Mutating requests of our users in the API servers' logs. */
    readonly events: number;
    /** Attempts in the ledgers. */
    readonly attempts: number;
    readonly matched: number;
    /** Events without an attempt: somebody used our identities beside the ledger. */
    readonly unrecorded: number;
    /** Answered attempts without an event. */
    readonly unseen: number;
    /** Attempts whose fate nobody knew and the join now does: done, or never received. */
    readonly closedAsDone: number;
    readonly closedAsNotReceived: number;
    /** Attempts that never left, or were made outside the time the audit logs cover. */
    readonly unsent: number;
    readonly outsideRange: number;
    /** Requests of our users that an authorizer refused. */
    readonly forbidden: number;
  };
  readonly range: { readonly from: string; readonly until: string } | undefined;
  /** What the audit policy hides: resources of which no attempt at all has an event. */
  readonly hidden: readonly { readonly resource: string; readonly attempts: number }[];
  readonly findings: readonly Finding[];
  readonly findingCount: number;
}

export interface CompletenessOptions {
  readonly logs: readonly LogDirectory[];
  readonly auditFiles: readonly string[];
  /** User names beside those that the ledgers' certificates and intents name. */
  readonly users: readonly string[];
  /** Users that begin so are ours as well; empty for none. */
  readonly userPrefix: string;
}

interface Attempt {
  readonly hash: string;
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly time: string;
  outcome: string | undefined;
  status: number | undefined;
  matched: string | undefined;
}

/** Of one resource: attempts that should have an event, how many have one, and attempts whose answer was lost. */
interface Tally {
  expected: number;
  found: number;
  lost: number;
  readonly missing: Finding[];
}

/** Attempts of one pass: memory stays bounded however long the ledgers are, at the price of reading them again. */
const PER_PASS = 400_000;
const MAX_USERS = 10_000;

/** Joins ledgers and audit logs by Audit-ID and user (I13). Run `verify` first: this believes what the records say. */
export async function completeness(options: CompletenessOptions): Promise<CompletenessReport> {
  let records = 0;
  for (const { path } of options.logs) records += (await claimedAnchor(path))?.size ?? 0;
  const passes = Math.max(1, Math.ceil(records / PER_PASS));
  const join = new Join(options, await usersOf(options));
  for (let pass = 0; pass < passes; pass += 1) await join.pass(pass, passes);
  return join.report();
}

/** The users that the ledgers themselves name, and those that were given. */
async function usersOf({ logs, users }: CompletenessOptions): Promise<Set<string>> {
  const found = new Set(users);
  for (const log of logs) {
    for await (const { leaf } of leaves(log)) {
      const named = leaf.type === 'intent' || (leaf.type === 'note' && leaf.data.note === 'certificate');
      const user = named ? textOf(leaf.data, 'user') : undefined;
      if (user !== undefined && found.size < MAX_USERS) found.add(user);
    }
  }
  return found;
}

class Join {
  readonly #options: CompletenessOptions;
  readonly #users: ReadonlySet<string>;
  readonly #findings = new Findings();
  readonly #counts = {
    events: 0,
    attempts: 0,
    matched: 0,
    unrecorded: 0,
    unseen: 0,
    closedAsDone: 0,
    closedAsNotReceived: 0,
    unsent: 0,
    outsideRange: 0,
    forbidden: 0,
  };
  #from: string | undefined;
  #until: string | undefined;
  readonly #seen = new Map<string, Tally>();

  constructor(options: CompletenessOptions, users: ReadonlySet<string>) {
    this.#options = options;
    this.#users = users;
  }

  async pass(pass: number, passes: number): Promise<void> {
    const mine = (logId: string, seq: number): boolean => (hashOf(logId) + seq) % passes === pass;
    const attempts = await this.#attempts(mine);
    for (const file of this.#options.auditFiles) {
      const problem = (found: AuditProblem): void => {
        if (pass === 0) this.#find('undecided', 'audit-log', `${found.file} line ${found.line}: ${found.what}`);
      };
      for await (const event of auditEvents(file, problem)) {
        if (pass === 0) this.#cover(event);
        this.#event(event, attempts, mine, pass === 0);
      }
    }
    for (const [key, attempt] of attempts) this.#close(key, attempt);
  }

  async #attempts(mine: (logId: string, seq: number) => boolean): Promise<Map<string, Attempt>> {
    const attempts = new Map<string, Attempt>();
    for (const log of this.#options.logs) {
      for await (const { leaf, hash } of leaves(log)) {
        const { data } = leaf;
        if (leaf.type === 'intent' && mine(log.id, leaf.seq)) {
          attempts.set(`${log.id}-${leaf.seq}`, attemptOf(leaf.time, data, hash));
        } else if (leaf.type === 'outcome') {
          const attempt = attempts.get(`${log.id}-${numberOf(data, 'intent')}`);
          if (attempt === undefined) continue;
          attempt.outcome = textOf(data, 'kind');
          attempt.status = numberOf(data, 'status');
        }
      }
    }
    return attempts;
  }

  #cover({ received }: AuditEvent): void {
    if (this.#from === undefined || received < this.#from) this.#from = received;
    if (this.#until === undefined || received > this.#until) this.#until = received;
  }

  #event(
    event: AuditEvent,
    attempts: ReadonlyMap<string, Attempt>,
    mine: (logId: string, seq: number) => boolean,
    first: boolean,
  ): void {
    const id = parseAuditId(event.auditId);
    // Each event is one pass's: that of the attempt it names, or the first.
    if (id === undefined ? !first : !mine(id.logId, id.seq)) return;
    const ours = this.#isOurs(event.user);
    if (ours && event.forbidden) this.#counts.forbidden += 1;
    const attempt = id === undefined ? undefined : attempts.get(`${id.logId}-${id.seq}`);
    if (!mutates(event) || (!ours && attempt === undefined)) return;
    if (attempt?.matched === `${event.received} ${event.stamped}`) return;
    this.#counts.events += 1;
    if (attempt === undefined || id === undefined) {
      this.#counts.unrecorded += 1;
      this.#find('broken', 'unrecorded', `${describe(event)}: no ledger has this attempt`);
    } else {
      this.#match(event, attempt, id.hash);
    }
  }

  #isOurs(user: string): boolean {
    const { userPrefix } = this.#options;
    return this.#users.has(user) || (userPrefix !== '' && user.startsWith(userPrefix));
  }

  #match(event: AuditEvent, attempt: Attempt, hash: string): void {
    if (attempt.hash !== hash) {
      this.#find(
        'broken',
        'altered',
        `${describe(event)}: the record under this number is not the one that was sent with it`,
      );
    }
    if (attempt.matched !== undefined) {
      this.#find('broken', 'repeated', `${describe(event)}: the attempt has an event already`);
      return;
    }
    attempt.matched = `${event.received} ${event.stamped}`;
    this.#counts.matched += 1;
    for (const [what, recorded, seen] of differences(event, attempt)) {
      this.#find('broken', what, `${describe(event)}: the ledger says ${recorded}, the API server ${seen}`);
    }
  }

  #close(key: string, attempt: Attempt): void {
    this.#counts.attempts += 1;
    const { outcome, matched } = attempt;
    const never = outcome === 'unsent' || outcome === 'fenced';
    if (never) {
      this.#counts.unsent += 1;
      if (matched !== undefined)
        this.#find('broken', 'outcome', `${key}: recorded as never sent, and the API server has it`);
      return;
    }
    const unknown = outcome === undefined || outcome === 'unknown';
    if (matched !== undefined) {
      this.#tally(attempt.resource).found += 1;
      if (unknown) this.#counts.closedAsDone += 1;
      this.#tally(attempt.resource).expected += 1;
      return;
    }
    if (
      this.#from === undefined ||
      this.#until === undefined ||
      attempt.time < this.#from.slice(0, 19) ||
      attempt.time > this.#until
    ) {
      this.#counts.outsideRange += 1;
      return;
    }
    if (unknown) {
      this.#counts.closedAsNotReceived += 1;
      this.#tally(attempt.resource).lost += 1;
      return;
    }
    const tally = this.#tally(attempt.resource);
    tally.expected += 1;
    const what = `${key}: ${attempt.verb} ${attempt.resource} ${attempt.namespace}/${attempt.name} was answered ${attempt.status ?? ''}, and no audit event shows it`;
    if (tally.missing.length < 100) tally.missing.push({ verdict: 'broken', check: 'unseen', what });
  }

  #tally(resource: string): Tally {
    const tally = this.#seen.get(resource) ?? { expected: 0, found: 0, lost: 0, missing: [] };
    this.#seen.set(resource, tally);
    return tally;
  }

  #find(verdict: Finding['verdict'], check: string, what: string): void {
    this.#findings.add({ verdict, check, what });
  }

  report(): CompletenessReport {
    const hidden: { resource: string; attempts: number }[] = [];
    for (const [resource, { expected, found, lost, missing }] of this.#seen) {
      this.#counts.unseen += expected - found;
      if (found === 0 && expected === 0 && lost > 0) {
        const what = `no event shows any write of ${resource}: whether ${lost} attempts without an answer arrived is not known`;
        this.#find('undecided', 'hidden', what);
      } else if (found === 0 && expected > 0) {
        hidden.push({ resource, attempts: expected });
        const plural = resource.slice(resource.indexOf('/') + 1);
        const what = `audit policy hides ${plural}: none of ${expected} answered attempts has an event, so writes of ${plural} beside the ledger would not be seen`;
        this.#find('undecided', 'hidden', what);
      } else {
        for (const finding of missing) this.#findings.add(finding);
      }
    }
    if (this.#counts.outsideRange > 0) {
      const what = `${this.#counts.outsideRange} attempts were made outside the time that the audit logs cover`;
      this.#find('undecided', 'range', what);
    }
    if (this.#from === undefined) this.#find('undecided', 'range', 'the audit logs hold no event at all');
    const verdicts = { verified: 'complete', broken: 'incomplete', undecided: 'undecided' } as const;
    return {
      verdict: verdicts[this.#findings.verdict],
      users: [...this.#users].sort(),
      counts: this.#counts,
      range: this.#from === undefined ? undefined : { from: this.#from, until: this.#until ?? '' },
      hidden,
      findings: this.#findings.list,
      findingCount: this.#findings.count,
    };
  }
}

function attemptOf(time: string, data: Parameters<typeof resourceOf>[0], hash: Buffer): Attempt {
  return {
    hash: hash.toString('hex', 0, 16),
    user: textOf(data, 'user') ?? '',
    verb: textOf(data, 'verb') ?? '',
    resource: resourceOf(data),
    subresource: textOf(data, 'subresource') ?? '',
    namespace: textOf(data, 'namespace') ?? '',
    name: textOf(data, 'name') ?? '',
    time,
    outcome: undefined,
    status: undefined,
    matched: undefined,
  };
}

/** FNV-1a: spreads logs over passes. */
function hashOf(text: string): number {
  let hash = 2_166_136_261;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619) >>> 0;
  return hash;
}

function describe({ auditId, user, verb, resource, subresource, namespace, name, code, received }: AuditEvent): string {
  const object = [subresource === '' ? resource : `${resource}/${subresource}`, namespace, name].filter(
    (part) => part !== '',
  );
  return `${received} ${user} ${verb} ${object.join(' ')} (${code}, Audit-ID ${auditId.slice(0, 80)})`;
}

function* differences(event: AuditEvent, attempt: Attempt): Generator<readonly [string, string, string]> {
  if (event.user !== attempt.user) yield ['user', attempt.user, event.user];
  if (event.verb !== attempt.verb) yield ['verb', attempt.verb, event.verb];
  for (const field of ['resource', 'subresource', 'namespace'] as const) {
    if (event[field] !== attempt[field] && !ownNamespace(field, event, attempt))
      yield ['object', attempt[field], event[field]];
  }
  if (event.name !== '' && attempt.name !== '' && event.name !== attempt.name)
    yield ['object', attempt.name, event.name];
  const { status } = attempt;
  if (status !== undefined && event.code !== 0 && status !== event.code)
    yield ['code', String(status), String(event.code)];
}

/** The API server names a namespace as its own namespace; the ledger names it as cluster-scoped. */
function ownNamespace(field: string, event: AuditEvent, attempt: Attempt): boolean {
  return (
    field === 'namespace' &&
    event.resource === 'core/namespaces' &&
    attempt.namespace === '' &&
    event.namespace === attempt.name
  );
}

import type { Clock } from '#core/time.ts';
import type { Log } from '#telemetry/port.ts';
import type { Appender } from './appender.ts';
import type { Bodies, BodyRef } from './bodies.ts';
import { sha256 } from './caps.ts';
import { auditIdOf, parseAuditId } from './checkpoint.ts';
import { Denials } from './denials.ts';
import type { Lane, Placed } from './lanes.ts';
import { parseLeaf } from './leaf.ts';
import { leafHash } from './merkle.ts';
import type {
  Anchor,
  Attempt,
  DenialDraft,
  IntentDraft,
  Ledger,
  NoteDraft,
  OutcomeDraft,
  Recorded,
  Wish,
} from './port.ts';
import type { Publisher } from './publisher.ts';
import { denialData, ENVELOPE_BYTES, intentData, noteData, outcomeData, sentText } from './records.ts';
import type { Redactor } from './redact.ts';
import { isSecret } from './redact-paths.ts';
import { STATE_CAPS, type StateFold } from './state.ts';
import { MAX_ENTRY_BYTES } from './tiles.ts';

export interface LiveParts {
  readonly logId: string;
  readonly appender: Appender;
  readonly publisher: Publisher;
  readonly bodies: Bodies;
  readonly redactor: Redactor;
  readonly fold: StateFold;
  readonly clock: Clock;
  readonly log: Log;
  readonly failure: Promise<string>;
  readonly close: (why: string) => Promise<void>;
}

/** Turns drafts into records. Everything slow is below it: the appender's disk, the publisher's tiles. */
export class LiveLedger implements Ledger {
  readonly #parts: LiveParts;
  readonly #denials: Denials;
  /** Intents without an outcome, and denials that still stand: what the next process asks for. */
  readonly #open = new Map<number, Buffer>();
  readonly #unknown = new Map<number, Buffer>();
  readonly #refused = new Map<string, Buffer>();
  #lostDenials = 0;
  #ending = false;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#denials = new Denials(parts.clock, (type, data) => parts.appender.append('write', type, data, false));
  }

  get origin(): string {
    return this.#parts.publisher.anchor().origin;
  }
  get failure(): Promise<string> {
    return this.#parts.failure;
  }

  anchor(): Anchor {
    return this.#parts.publisher.anchor();
  }

  close(why: string): Promise<void> {
    return this.#parts.close(why);
  }

  async intent(draft: IntentDraft, lane: Lane): Promise<Recorded<Attempt>> {
    const { appender, logId, fold } = this.#parts;
    const vital = lane === 'lease';
    const admitted = this.#ending ? 'failed' : appender.admits(lane, vital);
    if (admitted === 'failed') return { ok: false, code: 'GATE_LEDGER_FAILED' };
    if (admitted === 'busy') return { ok: false, code: 'GATE_LEDGER_BUSY' };
    const data = this.#intentData(draft, lane);
    if (data === undefined || tooLarge(data)) return { ok: false, code: 'GATE_LEDGER_TOO_LARGE' };
    const placed = await appender.append(lane, 'intent', data, vital);
    if (placed === 'failed') return { ok: false, code: 'GATE_LEDGER_FAILED' };
    this.#open.set(placed.seq, placed.entry);
    this.#refused.delete(draft.writeId);
    fold.planned(draft.writeId, draft.verdict.bundle.version);
    return { ok: true, value: { auditId: auditIdOf(logId, placed.seq, placed.leaf), seq: placed.seq } };
  }

  #intentData(draft: IntentDraft, lane: Lane): string | undefined {
    try {
      return intentData(draft, this.#digest(draft), lane === 'lease' ? undefined : this.#body(draft));
    } catch (error) {
      this.#unrendered(error);
      return undefined;
    }
  }

  outcome(attempt: Attempt, draft: OutcomeDraft): void {
    if (!this.#open.has(attempt.seq)) {
      this.#parts.log.error('recording a second outcome of one attempt', { auditId: attempt.auditId });
      return;
    }
    const data = outcomeData(attempt.seq, draft);
    if (draft.kind === 'unknown') this.#lost(attempt.seq);
    this.#open.delete(attempt.seq);
    void this.#must('outcome', data);
  }

  denial(draft: DenialDraft): void {
    const { appender, redactor } = this.#parts;
    const render = (): string => {
      const data = denialData(draft, this.#digest(draft), this.#body(draft), redactor.scrub);
      // Every text and list in it is capped far below a leaf; a record of a refusal is never itself refused.
      return tooLarge(data) ? denialData({ ...draft, messages: [] }, '', undefined, redactor.scrub) : data;
    };
    if (appender.admits('write', false) !== 'yes') {
      this.#lostDenials += 1;
      return;
    }
    this.#denials.add(draft, render).then(
      (placed) => this.#stands(draft.writeId, placed),
      (error: unknown) => {
        this.#unrendered(error);
        this.#lostDenials += 1;
      },
    );
  }

  #stands(writeId: string, placed: Placed | undefined): void {
    if (placed === undefined) return;
    this.#refused.delete(writeId);
    this.#refused.set(writeId, placed.entry);
    if (this.#refused.size > STATE_CAPS.denials) this.#refused.delete(this.#refused.keys().next().value as string);
  }

  async note(draft: NoteDraft): Promise<Recorded<{ readonly seq: number }>> {
    const placed = this.#ending ? 'failed' : await this.#must('note', noteData(draft));
    if (placed === 'failed') return { ok: false, code: 'GATE_LEDGER_FAILED' };
    if (draft.note === 'resolved') this.#resolved(draft.auditId);
    const leaf = parseLeaf(placed.entry);
    if (leaf !== undefined) this.#parts.fold.add(leaf, placed.leaf);
    return { ok: true, value: { seq: placed.seq } };
  }

  /** Its outcome is `unknown`: still open for who comes after, but it gets no second outcome. */
  #lost(seq: number): void {
    this.#unknown.set(seq, this.#open.get(seq) as Buffer);
    if (this.#unknown.size > STATE_CAPS.open) this.#unknown.delete(this.#unknown.keys().next().value as number);
  }

  #resolved(auditId: string): void {
    const parsed = parseAuditId(auditId);
    if (parsed?.logId !== this.#parts.logId) return;
    this.#open.delete(parsed.seq);
    this.#unknown.delete(parsed.seq);
  }

  /** What cannot be told as JSON refuses that one write, never the process. */
  #unrendered(error: unknown): void {
    this.#parts.log.error('rendering a record', { error: error instanceof Error ? error.name : 'unknown' });
  }

  #must(type: 'outcome' | 'note', data: string): Promise<Placed | 'failed'> {
    return this.#parts.appender.append('write', type, data, true);
  }

  /** Of exactly the bytes that are sent; keyed where they are a secret and a plain digest could be guessed. */
  #digest({ request }: Wish): string {
    const text = sentText(request);
    return isSecret(request.target) ? `hmac-sha256:${this.#parts.redactor.digest(text)}` : `sha256:${sha256(text)}`;
  }

  #body({ request, after, before }: Wish): BodyRef | undefined {
    if (after === undefined && before === undefined) return undefined;
    const { redactor, bodies } = this.#parts;
    const { target } = request;
    const members = [
      ...(after === undefined ? [] : [`"after":${redactor.object(target, after)}`]),
      ...(before === undefined ? [] : [`"before":${redactor.object(target, before)}`]),
    ];
    return bodies.keep(target.namespace ?? '', `{${members.join(',')}}`);
  }

  /** Once a second. */
  tick(): void {
    this.#denials.tick();
    if (this.#lostDenials === 0 || this.#parts.appender.admits('write', false) !== 'yes') return;
    const count = this.#lostDenials;
    this.#lostDenials = 0;
    void this.#parts.appender.append('write', 'gap', `{"count":${count},"what":"denials"}`, true);
  }

  /** Writes what is left to say before the stop record. From the call on nothing new is taken. */
  async finish(): Promise<void> {
    this.#ending = true;
    await this.#denials.finish();
    this.tick();
  }

  /** Folds what still stands, in the order of the log. */
  settleState(): void {
    const entries = [...this.#open.values(), ...this.#unknown.values(), ...this.#refused.values()];
    const leaves = entries.flatMap((entry) => ({ leaf: parseLeaf(entry), hash: leafHash(entry) }));
    leaves.sort((a, b) => (a.leaf?.seq ?? 0) - (b.leaf?.seq ?? 0));
    for (const { leaf, hash } of leaves) if (leaf !== undefined) this.#parts.fold.add(leaf, hash);
  }

  /** Whether a namespace has used up its bytes for bodies: its creates should wait (design 4, Ledger). */
  spent(namespace: string): boolean {
    return this.#parts.bodies.spent(namespace);
  }
}

function tooLarge(data: string): boolean {
  return (
    data.length * 3 > MAX_ENTRY_BYTES - ENVELOPE_BYTES && Buffer.byteLength(data) > MAX_ENTRY_BYTES - ENVELOPE_BYTES
  );
}

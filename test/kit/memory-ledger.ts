import { sha256 } from '#ledger/caps.ts';
import { auditIdOf, originOf } from '#ledger/checkpoint.ts';
import { type Leaf, parseLeaf } from '#ledger/leaf.ts';
import { leafHash, Tree } from '#ledger/merkle.ts';
import type { Attempt, DenialDraft, IntentDraft, Ledger, NoteDraft, OutcomeDraft, Recorded } from '#ledger/port.ts';
import { denialData, intentData, leafOf, noteData, outcomeData, type RecordType, sentText } from '#ledger/records.ts';

/** A ledger in memory with the real records: for tests of what stands above it. */
export interface MemoryLedger extends Ledger {
  /** Everything recorded, in order, as a reader of the real one would parse it. */
  readonly records: readonly Leaf[];
  readonly drafts: {
    readonly intents: readonly IntentDraft[];
    readonly outcomes: readonly { readonly seq: number; readonly draft: OutcomeDraft }[];
    readonly denials: readonly DenialDraft[];
    readonly notes: readonly NoteDraft[];
  };
  /** The leaf hash that an Audit-ID promises, to compare. */
  auditIdOf(seq: number): string;
  /** From now on every intent is refused and `failure` resolves, as after a failed fdatasync. */
  fail(why: string): void;
  /** The next intent is refused with that code. */
  refuseNext(code: 'GATE_LEDGER_FAILED' | 'GATE_LEDGER_TOO_LARGE' | 'GATE_LEDGER_BUSY'): void;
  /** Intents wait until the returned function is called: what is not durable yet must not be sent. */
  hold(): () => void;
  readonly closed: string | undefined;
}

export function memoryLedger(logId = 'memory0000'): MemoryLedger {
  const tree = new Tree();
  const entries: Buffer[] = [];
  const drafts = {
    intents: [] as IntentDraft[],
    outcomes: [] as { seq: number; draft: OutcomeDraft }[],
    denials: [] as DenialDraft[],
    notes: [] as NoteDraft[],
  };
  let prev: Buffer | undefined;
  let failed = false;
  let closed: string | undefined;
  let refusal: 'GATE_LEDGER_FAILED' | 'GATE_LEDGER_TOO_LARGE' | 'GATE_LEDGER_BUSY' | undefined;
  let held: Promise<void> = Promise.resolve();
  const failure = Promise.withResolvers<string>();

  const append = (type: RecordType, data: string): number => {
    const seq = entries.length;
    const entry = leafOf(type, data, { seq, prev, wall: seq, mono: seq });
    prev = leafHash(entry);
    tree.append(prev);
    entries.push(entry);
    return seq;
  };
  const idOf = (seq: number): string => auditIdOf(logId, seq, leafHash(entries[seq] as Buffer));
  append('start', '{}');

  return {
    origin: originOf('test', logId),
    drafts,
    failure: failure.promise,
    auditIdOf: idOf,
    get records() {
      return entries.flatMap((entry) => parseLeaf(entry) ?? []);
    },
    get closed() {
      return closed;
    },
    async intent(draft: IntentDraft): Promise<Recorded<Attempt>> {
      await held;
      const code = refusal ?? (failed || closed !== undefined ? 'GATE_LEDGER_FAILED' : undefined);
      refusal = undefined;
      if (code !== undefined) return { ok: false, code };
      drafts.intents.push(draft);
      const seq = append('intent', intentData(draft, `sha256:${sha256(sentText(draft.request))}`, undefined));
      return { ok: true, value: { auditId: idOf(seq), seq } };
    },
    outcome(attempt, draft) {
      drafts.outcomes.push({ seq: attempt.seq, draft });
      append('outcome', outcomeData(attempt.seq, draft));
    },
    denial(draft) {
      drafts.denials.push(draft);
      append(
        'denial',
        denialData(draft, `sha256:${sha256(sentText(draft.request))}`, undefined, (text) => text),
      );
    },
    async note(draft) {
      if (failed) return { ok: false, code: 'GATE_LEDGER_FAILED' };
      drafts.notes.push(draft);
      return { ok: true, value: { seq: append('note', noteData(draft)) } };
    },
    anchor: () => ({ origin: originOf('test', logId), size: tree.size, root: tree.root().toString('base64') }),
    async close(why) {
      closed ??= why;
    },
    fail(why) {
      failed = true;
      failure.resolve(why);
    },
    refuseNext(code) {
      refusal = code;
    },
    hold() {
      const gate = Promise.withResolvers<void>();
      held = gate.promise;
      return gate.resolve;
    },
  };
}

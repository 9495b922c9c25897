import type { Command } from 'commander';
import { sha256 } from '#ledger/caps.ts';
import { auditIdOf } from '#ledger/checkpoint.ts';
import { type Leaf, numberOf, objectOf, parseLeaf, textOf } from '#ledger/leaf.ts';
import { leafHash } from '#ledger/merkle.ts';
import { formatProof, proofOf } from '#ledger/proof.ts';
import { readBody } from '#ledger/reader.ts';
import { recordAt, type ViewedLog, viewLogs } from '#ledger/records-view.ts';
import { EXIT, json, print, remark, subcommand, type Where } from './ledger-options.ts';
import { plain } from './ledger-output.ts';

export function showCommand(): Command {
  return subcommand('show', 'print one record and its body, or its proof')
    .argument('<record>', 'an Audit-ID, <log>-<number>, or a number where there is one log')
    .option('--proof', "print the record's inclusion proof under the signed checkpoint (C2SP tlog-proof)")
    .action(async (record: string, options: Where & { proof?: boolean }) => {
      const logs = await viewLogs(options.dir);
      const { log, seq, hash } = placeOf(record, logs);
      if (log === undefined) return nothing(`no ledger here has the log of ${record}`);
      if (options.proof === true) return print(formatProof((await proofOf(log, seq)).proof));
      const entry = await recordAt(log.path, seq);
      const leaf = entry === undefined ? undefined : parseLeaf(entry);
      if (entry === undefined) return nothing(`the log ${log.id} has no record ${seq}`);
      if (leaf === undefined) throw new Error(`reading record ${seq} of ${log.id}: it is malformed; run verify`);
      const digest = leafHash(entry);
      const same = hash === undefined || hash === digest.toString('hex', 0, 16);
      if (!same) nothing('the record under this number is not the one that the Audit-ID names');
      const shown = {
        id: auditIdOf(log.id, seq, digest),
        log: log.id,
        hash: digest.toString('hex'),
        matchesAuditId: same,
        record: leaf,
        body: await bodyOf(log, leaf),
      };
      await print(options.output === 'json' ? json('record', shown) : showText(shown));
    });
}

function nothing(what: string): void {
  remark(what);
  process.exitCode = EXIT.no;
}

function placeOf(
  record: string,
  logs: readonly ViewedLog[],
): { log: ViewedLog | undefined; seq: number; hash: string | undefined } {
  const match = /^(?:([a-z0-9]{10})-)?(0|[1-9]\d{0,15})(?:-([0-9a-f]{32}))?$/.exec(record);
  if (match === null || (match[1] === undefined && match[3] !== undefined))
    throw new Error(`reading "${record.slice(0, 80)}": give an Audit-ID, <log>-<number>, or a number`);
  const [, id, seq, hash] = match;
  if (id === undefined && logs.length > 1)
    throw new Error(
      `reading ${record}: there are ${logs.length} logs; give <log>-<number> (${logs
        .map((log) => log.id)
        .join(', ')
        .slice(0, 200)})`,
    );
  return { log: id === undefined ? logs[0] : logs.find((log) => log.id === id), seq: Number(seq), hash };
}

type Body =
  | { readonly state: 'none' | 'shed' | 'missing' | 'altered' }
  | { readonly state: 'whole'; readonly object: unknown };

async function bodyOf(log: ViewedLog, { data }: Leaf): Promise<Body> {
  const body = objectOf(data, 'body');
  if (body === undefined) return { state: 'none' };
  const [pack, offset, length] = ['pack', 'offset', 'bytes'].map((key) => numberOf(body, key));
  if (pack === undefined || offset === undefined || length === undefined) return { state: 'shed' };
  const bytes = await readBody(log.path, pack, offset, length);
  if (bytes === undefined) return { state: 'missing' };
  if (sha256(bytes) !== textOf(body, 'sha256')) return { state: 'altered' };
  return { state: 'whole', object: JSON.parse(bytes.toString('utf8')) };
}

const BODY_TEXT = {
  none: 'the record names no body',
  shed: 'the body was not kept; the record says why',
  missing: 'the body is not here: its digest in the record would prove a copy',
  altered: 'the body is NOT what the record says',
} as const;

function showText({ id, hash, record, body }: { id: string; hash: string; record: Leaf; body: Body }): string {
  const text = (value: unknown): string => JSON.stringify(value, undefined, 2).split('\n').map(plain).join('\n');
  const shown = body.state === 'whole' ? `body, redacted:\n${text(body.object)}` : BODY_TEXT[body.state];
  return `${id}\nleaf hash ${hash}\n${text(record)}\n${shown}\n`;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { sha256 } from '#ledger/caps.ts';
import { parseAuditId } from '#ledger/checkpoint.ts';
import { completeness } from '#ledger/completeness.ts';
import { parseLeaf } from '#ledger/leaf.ts';
import { leafHash } from '#ledger/merkle.ts';
import { parseVerifierKey, type VerifierKey } from '#ledger/note.ts';
import { parseObject } from '#ledger/object-pattern.ts';
import type { Anchor } from '#ledger/port.ts';
import { formatProof, proofOf } from '#ledger/proof.ts';
import { byStart, type Filter, leaves, query, type Row } from '#ledger/query.ts';
import { claimedAnchor, findLogs, type LogDirectory, readBody } from '#ledger/reader.ts';
import { verifyLogs } from '#ledger/verify.ts';
import { why } from '#ledger/why.ts';
import {
  completenessText,
  EXIT,
  exitOf,
  joined,
  json,
  rowJson,
  rowText,
  verifyText,
  whyJson,
  whyText,
} from './ledger-output.ts';
import { parseInstant } from './ledger-time.ts';

interface Where {
  readonly dir: readonly string[];
  readonly output: string;
  readonly key?: readonly string[];
}

const HELP = `
Exit codes: 0 yes (verified, complete, found), 1 no (something is wrong or missing), 2 could not decide, or used wrongly.
Everything works on a copy of the ledger's directory; nothing here contacts the cluster.`;

/** `comptroller ledger`: what automation did, and that nothing is missing. */
export function ledgerCommand(): Command {
  const command = new Command('ledger')
    .description('verify, search and explain ledgers, and join them with the API server audit log')
    .addHelpText('after', HELP)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.yes : EXIT.undecided));
  verifyCommand(command);
  showCommand(command);
  queryCommand(command);
  whyCommand(command);
  tailCommand(command);
  completenessCommand(command);
  return command;
}

/** Several directories for the logs of all replicas. */
function sub(
  parent: Command,
  name: string,
  description: string,
  formats: readonly string[] = ['text', 'json'],
): Command {
  return parent
    .command(name)
    .description(description)
    .requiredOption('--dir <directory...>', 'the ledger directory, or several: one for each replica')
    .addOption(new Option('-o, --output <format>', 'how to print').choices([...formats]).default('text'));
}

function keyed(command: Command): Command {
  return command.option(
    '--key <key...>',
    'note verifier key (<name>+<hash>+<base64>); without it checkpoint.pub of the directory is believed',
  );
}

async function logsIn(directories: readonly string[]): Promise<LogDirectory[]> {
  const logs: LogDirectory[] = [];
  for (const directory of directories) {
    logs.push(
      ...(await findLogs(directory).catch(() => {
        throw new Error(`reading ${directory}: it is not a readable directory`);
      })),
    );
  }
  return logs;
}

async function keysOf({ dir, key }: Where): Promise<{ keys: VerifierKey[]; trust: string }> {
  if (key !== undefined) return { keys: key.map(parseVerifierKey), trust: 'given with --key' };
  const keys: VerifierKey[] = [];
  for (const directory of dir) {
    const text = await readFile(join(directory, 'checkpoint.pub'), 'utf8').catch(() => '');
    keys.push(
      ...text
        .split('\n')
        .filter((line) => line !== '')
        .slice(0, 100)
        .map(parseVerifierKey),
    );
  }
  if (keys.length === 0) throw new Error('verifying without a key: give the verifier key with --key');
  return {
    keys,
    trust:
      'from checkpoint.pub in the directory itself: whoever could change the ledger could change it too; give --key',
  };
}

function print(text: string): void {
  process.stdout.write(text);
}

function verifyCommand(parent: Command): void {
  keyed(sub(parent, 'verify', 'recompute every log and compare it with its signed checkpoint'))
    .option('--anchor <json>', 'where a log stood, as the Lease annotation comptroller.dev/anchor says')
    .action(async (options: Where & { anchor?: string }) => {
      const { keys, trust } = await keysOf(options);
      const anchors = options.anchor === undefined ? [] : [parseAnchor(options.anchor)];
      const report = await verifyLogs(await logsIn(options.dir), keys, anchors);
      print(options.output === 'json' ? json('verify', { trust, ...report }) : verifyText(report, trust));
      process.exitCode = exitOf(report.verdict);
    });
}

function parseAnchor(text: string): Anchor {
  try {
    const { origin, size, root } = JSON.parse(text) as Record<string, unknown>;
    if (typeof origin === 'string' && Number.isSafeInteger(size) && typeof root === 'string') {
      return { origin, size: size as number, root };
    }
  } catch {
    // Told below, like any other wrong shape.
  }
  throw new Error('reading --anchor: it must be JSON with origin, size and root');
}

function showCommand(parent: Command): void {
  sub(parent, 'show', 'print one record, its body and, on request, its proof', ['text', 'json', 'proof'])
    .argument('<record>', 'an Audit-ID, or <log>-<number>')
    .action(async (record: string, options: Where) => {
      const [, id = '', number = ''] = /^([a-z0-9]{10})-(\d{1,16})(?:-[0-9a-f]{32})?$/.exec(record) ?? [];
      const seq = Number(number);
      if (id === '') throw new Error(`reading "${record.slice(0, 80)}": give an Audit-ID, or <log>-<number>`);
      const log = (await logsIn(options.dir)).find((found) => found.id === id);
      if (log === undefined) return missing(`no log ${id} is here`);
      if (options.output === 'proof') return print(formatProof((await proofOf(log, seq)).proof));
      const found = await findRecord(log, seq);
      if (found === undefined) return missing(`the log ${id} has no record ${seq}`);
      const given = parseAuditId(record)?.hash;
      const same = given === undefined || given === found.hash.toString('hex', 0, 16);
      if (!same) process.exitCode = EXIT.no;
      print(json('record', { ...found, hash: found.hash.toString('hex'), matchesAuditId: same }));
    });
}

function missing(what: string): void {
  process.stderr.write(`${what}\n`);
  process.exitCode = EXIT.no;
}

async function findRecord(log: LogDirectory, seq: number) {
  const size = (await claimedAnchor(log.path))?.size ?? 0;
  if (seq < size) {
    const { entry } = await proofOf(log, seq);
    const leaf = parseLeaf(entry);
    if (leaf === undefined) throw new Error(`reading record ${seq}: it is malformed; run verify`);
    return { record: leaf, hash: leafHash(entry), signed: true, body: await bodyOf(log, leaf.data) };
  }
  for await (const { leaf, hash } of leaves(log)) {
    if (leaf.seq === seq) return { record: leaf, hash, signed: false, body: await bodyOf(log, leaf.data) };
  }
  return undefined;
}

async function bodyOf(log: LogDirectory, data: object): Promise<unknown> {
  const { body } = data as { body?: { sha256?: string; pack?: number; offset?: number; bytes?: number } };
  if (body?.pack === undefined) return undefined;
  const bytes = await readBody(log.path, body.pack, body.offset ?? 0, body.bytes ?? 0);
  if (bytes === undefined) return 'missing';
  return sha256(bytes) === body.sha256 ? JSON.parse(bytes.toString('utf8')) : 'not what the record says';
}

interface QueryOptions extends Where {
  readonly object?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly type?: string[];
  readonly [filter: string]: unknown;
}

function queryCommand(parent: Command): void {
  sub(parent, 'query', 'list intents and denials that pass all filters', ['text', 'json', 'ndjson'])
    .option('--controller <name>', 'who wished it')
    .option('-n, --namespace <name>', 'the namespace of the object')
    .option('--object <object>', 'kind/namespace/name, or kind/name')
    .option('--uid <uid>', 'the uid of the object')
    .option('--verb <verb>', 'create, update, patch, delete, deletecollection')
    .addOption(new Option('--decision <decision>', 'what was decided').choices(['allow', 'deny']))
    .option('--outcome <outcome>', 'applied, conflict, gone, failed, unknown, fenced, unsent, open, denied')
    .option('--code <code>', 'error code of the outcome or the denial')
    .option('--rule <rule>', 'a rule that spoke')
    .option('--type <type...>', 'record types instead of intents and denials: start, stop, note, ...')
    .option('--since <time>', 'RFC 3339, or an age such as 90m, 24h, 7d')
    .option('--until <time>', 'the same; exclusive')
    .option('--limit <count>', 'stop after so many')
    .action(runQuery);
}

async function runQuery(options: QueryOptions): Promise<void> {
  const logs = await logsIn(options.dir);
  const filter = filterOf(options);
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : Number(options.limit);
  if (!(limit > 0)) throw new Error('reading --limit: it must be a number above 0');
  const rows: Row[] = [];
  let count = 0;
  for await (const row of query(logs, filter)) {
    if (options.output === 'text') print(`${rowText(row)}\n`);
    else if (options.output === 'ndjson') print(`${JSON.stringify(rowJson(row))}\n`);
    else rows.push(row);
    count += 1;
    if (count >= limit) break;
  }
  const manifest = await manifestOf(logs, filter, count);
  if (options.output === 'json') print(json('query', { manifest, rows: rows.map(rowJson) }));
  else process.stderr.write(`${JSON.stringify({ manifest })}\n`);
}

/** What auditors ask first of an export: from what, by which question, how much of it. */
async function manifestOf(logs: readonly LogDirectory[], filter: Filter, rows: number): Promise<object> {
  const origins = await Promise.all(
    (await byStart(logs)).map(async ({ path, id }) => (await claimedAnchor(path)) ?? { origin: id, size: 0, root: '' }),
  );
  return { query: filter, rows, logs: origins, order: 'by log, in the order of their starts; by number within a log' };
}

function filterOf(options: QueryOptions): Filter {
  const now = Date.now();
  const texts = ['controller', 'namespace', 'uid', 'verb', 'outcome', 'code', 'rule', 'decision'] as const;
  const plain = Object.fromEntries(texts.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])));
  return {
    ...plain,
    ...(options.object !== undefined && { object: parseObject(options.object) }),
    ...(options.since !== undefined && { since: parseInstant('--since', options.since, now) }),
    ...(options.until !== undefined && { until: parseInstant('--until', options.until, now) }),
    ...(options.type !== undefined && { types: options.type }),
  };
}

function whyCommand(parent: Command): void {
  sub(parent, 'why', 'explain an object: what was done or refused to it, and because of what')
    .argument('<object>', 'kind/namespace/name, or kind/name')
    .action(async (object: string, options: Where) => {
      const found = await why(await logsIn(options.dir), parseObject(object));
      print(options.output === 'json' ? json('why', whyJson(found)) : whyText(found));
      if (found.aboutCount + found.becauseCount === 0) process.exitCode = EXIT.no;
    });
}

function tailCommand(parent: Command): void {
  sub(parent, 'tail', 'print the newest records, then each new one', ['text', 'ndjson'])
    .option('--lines <count>', 'how many old ones', '20')
    .option('--no-follow', 'stop at the end')
    .action(async (options: Where & { lines: string; follow: boolean }) => {
      const seen = new Map<string, number>();
      let keep = Number(options.lines);
      do {
        const fresh = await freshRows(options.dir, seen);
        for (const row of keep > 0 ? fresh.slice(-keep) : fresh) {
          print(`${options.output === 'ndjson' ? JSON.stringify(rowJson(row)) : rowText(row)}\n`);
        }
        keep = 0;
        if (options.follow) await delay(1000);
      } while (options.follow);
    });
}

const TAIL_ROWS = 10_000;

async function freshRows(directories: readonly string[], seen: Map<string, number>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const log of await byStart(await logsIn(directories))) {
    for await (const { leaf } of leaves(log, (seen.get(log.id) ?? -1) + 1)) {
      rows.push({ log: log.id, leaf, repeats: 0 });
      seen.set(log.id, leaf.seq);
      if (rows.length > TAIL_ROWS) rows.shift();
    }
  }
  return rows;
}

function completenessCommand(parent: Command): void {
  keyed(sub(parent, 'completeness', 'match every write by our identities in the API server audit log with its record'))
    .requiredOption('--apiserver-audit <file...>', 'audit log files of all API servers, rotated and gzipped ones too')
    .option('--user <name...>', 'users that are ours beside those the ledger names', [])
    .option('--user-prefix <prefix>', 'users that begin so are ours', 'comptroller:')
    .action(async (options: Where & { apiserverAudit: string[]; user: string[]; userPrefix: string }) => {
      const { keys, trust } = await keysOf(options);
      const logs = await logsIn(options.dir);
      const verified = await verifyLogs(logs, keys);
      const report = await completeness({
        logs: await byStart(logs),
        auditFiles: options.apiserverAudit,
        users: options.user,
        userPrefix: options.userPrefix,
      });
      const verdict = joined(report, verified);
      print(
        options.output === 'json'
          ? json('completeness', { trust, ...report, verdict, ledger: verified })
          : completenessText(report, verified),
      );
      process.exitCode = exitOf(verdict);
    });
}

import { createHash } from 'node:crypto';
import { type Command, Option } from 'commander';
import { parseObject } from '#ledger/object-pattern.ts';
import { type Filter, Query } from '#ledger/query.ts';
import { RECORD_TYPES } from '#ledger/records.ts';
import { viewLogs } from '#ledger/records-view.ts';
import { print, REPORT_VERSION, remark, subcommand, type Where } from './ledger-options.ts';
import { rowJson, rowText } from './ledger-output.ts';
import { parseInstant } from './ledger-time.ts';

interface QueryOptions extends Where {
  readonly object?: string;
  readonly cause?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly type?: readonly string[];
  readonly [filter: string]: unknown;
}

export function queryCommand(): Command {
  return subcommand('query', 'list what was allowed and what was refused, as far as it passes all filters', [
    'text',
    'json',
    'ndjson',
  ])
    .option('--controller <name>', 'who wished it')
    .option('--user <name>', 'the user that it was sent as')
    .option('-n, --namespace <name>', 'the namespace of the object')
    .option('--object <object>', 'kind/namespace/name, or kind/name')
    .option('--cause <object>', 'the object that was being reconciled, written the same way')
    .option('--uid <uid>', 'the uid of the object')
    .option('--verb <verb>', 'create, update, patch, delete, deletecollection')
    .addOption(new Option('--decision <decision>', 'what was decided').choices(['allow', 'deny']))
    .option('--outcome <outcome>', 'applied, conflict, gone, failed, unknown, fenced, unsent, open, denied')
    .option('--code <code>', 'error code of the outcome or the refusal')
    .option('--rule <rule>', 'a rule that spoke')
    .addOption(
      new Option('--type <type...>', 'record types instead of intents and refusals').choices([...RECORD_TYPES]),
    )
    .option('--since <time>', 'RFC 3339, or an age such as 90m, 24h, 7d')
    .option('--until <time>', 'the same; exclusive')
    .option('--limit <count>', 'stop after so many')
    .addHelpText('after', JSON_HELP)
    .action(runQuery);
}

const JSON_HELP = `
-o json prints one document {version, kind: "query", rows, manifest}; -o ndjson one row a line and the manifest as the
last line; with -o text the manifest goes to standard error. The manifest says what was asked, of which logs at which
size and root, how many rows came, and their SHA-256 (over the rows as ndjson prints them, each ended by a line break).`;

async function runQuery(options: QueryOptions): Promise<void> {
  const filter = filterOf(options, Date.now());
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : Number(options.limit);
  if (!(limit >= 1 && (limit === Number.POSITIVE_INFINITY || Number.isSafeInteger(limit))))
    throw new Error('reading --limit: it must be a whole number above 0');
  const logs = await viewLogs(options.dir);
  const query = new Query(logs, filter);
  const digest = createHash('sha256');
  let count = 0;
  let stopped = false;
  if (options.output === 'json') await print(`{"version":"${REPORT_VERSION}","kind":"query","rows":[`);
  for await (const row of query.rows()) {
    if (count >= limit) {
      stopped = true;
      break;
    }
    const line = JSON.stringify(rowJson(row));
    digest.update(`${line}\n`);
    if (options.output === 'text') await print(`${rowText(row)}\n`);
    else await print(options.output === 'json' ? `${count === 0 ? '' : ','}\n${line}` : `${line}\n`);
    count += 1;
  }
  const manifest = {
    query: filter,
    order: 'by log, in the order of their starts; by number within a log',
    rows: count,
    sha256: digest.digest('hex'),
    /** False: more rows would have come; logs that are not in the list were not read to their end. */
    whole: !stopped,
    logs: stopped ? logs.map(({ id, origin }) => ({ id, origin })) : query.read,
  };
  if (options.output === 'json') await print(`\n],"manifest":${JSON.stringify(manifest)}}\n`);
  else if (options.output === 'ndjson') await print(`${JSON.stringify({ manifest })}\n`);
  else remark(JSON.stringify({ manifest }));
}

function filterOf(options: QueryOptions, now: number): Filter {
  const texts = ['controller', 'user', 'namespace', 'uid', 'verb', 'outcome', 'code', 'rule', 'decision'] as const;
  const plain = Object.fromEntries(texts.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])));
  return {
    ...plain,
    ...(options.object !== undefined && { object: parseObject(options.object) }),
    ...(options.cause !== undefined && { cause: parseObject(options.cause) }),
    ...(options.since !== undefined && { since: parseInstant('--since', options.since, now) }),
    ...(options.until !== undefined && { until: parseInstant('--until', options.until, now) }),
    ...(options.type !== undefined && { types: options.type }),
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { parseLeaf } from '#ledger/leaf.ts';
import type { Row } from '#ledger/query.ts';
import { auditIdFor, recordsOf, viewLogs } from '#ledger/records-view.ts';
import { print, subcommand, type Where } from './ledger-options.ts';
import { rowJson, rowText } from './ledger-output.ts';

const POLL = 500;
const MAX_LINES = 10_000;

export function tailCommand(): Command {
  return subcommand('tail', 'print the newest records; with -f each new one, also of processes that start later', [
    'text',
    'ndjson',
  ])
    .option('-f, --follow', 'go on until interrupted')
    .option('--lines <count>', 'how many old ones', '20')
    .action(async (options: Where & { lines: string; follow?: boolean }) => {
      const lines = Number(options.lines);
      if (!/^\d{1,5}$/.test(options.lines) || lines > MAX_LINES)
        throw new Error(`reading --lines: it must be a number from 0 to ${MAX_LINES}`);
      const show = async (row: Row): Promise<void> =>
        print(`${options.output === 'ndjson' ? JSON.stringify(rowJson(row)) : rowText(row)}\n`);
      const read = new Map<string, number>();
      for (const row of await newest(options.dir, read, lines)) await show(row);
      while (options.follow === true) {
        await delay(POLL);
        for await (const row of fresh(options.dir, read)) await show(row);
      }
    });
}

/** Reads everything once, and keeps the last few. */
async function newest(directories: readonly string[], read: Map<string, number>, lines: number): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of fresh(directories, read)) {
    rows.push(row);
    if (rows.length > 2 * lines + 1) rows.splice(0, rows.length - lines);
  }
  return lines === 0 ? [] : rows.slice(-lines);
}

/** What the logs have grown by since `read`, and new logs whole. */
async function* fresh(directories: readonly string[], read: Map<string, number>): AsyncGenerator<Row> {
  for (const log of await viewLogs(directories)) {
    for await (const { seq, entry } of recordsOf(log, read.get(log.id) ?? 0)) {
      read.set(log.id, seq + 1);
      const leaf = parseLeaf(entry);
      if (leaf === undefined) continue;
      yield { log: log.id, leaf, ...(leaf.type === 'intent' && { auditId: auditIdFor(log.id, seq, entry) }) };
    }
  }
}

import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type AuditSource, auditFile } from '#ledger/audit-events.ts';
import { joinAudit } from '#ledger/completeness.ts';
import {
  GAP_CODES,
  type IdentityCount,
  JOIN_CODES,
  type JoinFinding,
  type JoinGap,
  type JoinReport,
} from '#ledger/completeness-report.ts';
import { json, type Keyed, keyed, print, subcommand, TRUST, verifyAll } from './ledger-options.ts';
import { exitOf, plain, verdictWord } from './ledger-output.ts';
import { parseInstant } from './ledger-time.ts';

const listed = (codes: Readonly<Record<string, string>>): string =>
  Object.entries(codes)
    .map(([code, says]) => `  ${code.padEnd(18)} ${says}`)
    .join('\n');

const HELP = `
complete (0): each mutating request of our identities has exactly one record that agrees on user, verb, object and
answer, and each attempt that got an answer has its request. incomplete (1): one of these was found:
${listed(JOIN_CODES)}
undecided (2): none of them, but not all could be seen:
${listed(GAP_CODES)}
Ours are the users that the ledgers name and every user that begins with "comptroller:". Reviews and dry runs change
nothing and are left out. With --since or --until nothing is demanded of what lies outside, though all files are read; a
request at the edge belongs to where it was received or recorded, whichever is within. While processes write, give --until
1m: what is recorded after the ledger was read would look unrecorded, and a log that begins meanwhile is not seen. Memory follows the ledger (66 bytes
an attempt), not the audit logs: those are read as streams, whatever their size.`;

interface Options extends Keyed {
  readonly apiserverAudit: readonly string[];
  readonly findings: string;
  readonly orphans?: string;
  readonly since?: string;
  readonly until?: string;
}

export function completenessCommand(): Command {
  return keyed(
    subcommand(
      'completeness',
      "join the ledger with the API servers' audit logs: is every write recorded, once, and so?",
    ),
  )
    .requiredOption(
      '--apiserver-audit <file...>',
      'audit logs of all API servers as JSON lines, rotated and gzipped ones too; - reads standard input',
    )
    .option('--since <time>', 'RFC 3339, or an age such as 90m, 24h, 7d')
    .option('--until <time>', 'the same; exclusive')
    .option('--findings <count>', 'findings of each kind to tell in full; all are counted', '100')
    .option('--orphans <file>', 'write every finding into this new file, one JSON line each, however many there are')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { dir, key, output } = options;
      const wanted = await asked(options);
      const orphans = options.orphans === undefined ? undefined : newLines(options.orphans);
      try {
        const tell = orphans && { tell: (one: JoinFinding) => orphans.write(one) };
        const report = await joinAudit({ directories: dir, ...wanted, ...tell, verify: (all) => verifyAll(all, key) });
        const trust = TRUST[key === undefined ? 'directory-key' : 'given-key'];
        await print(output === 'json' ? json('completeness', { trust, ...report }) : completenessText(report, trust));
        process.exitCode = exitOf(report.verdict);
      } finally {
        orphans?.close();
      }
    });
}

/** Throws an Error fit for a person where the command was given wrongly. */
async function asked({ apiserverAudit, findings, since, until }: Options) {
  if (!/^[1-9]\d{0,5}$/.test(findings)) throw new Error('reading --findings: it must be a number from 1 to 999999');
  const now = Date.now();
  return {
    cap: Number(findings),
    ...(since !== undefined && { since: parseInstant('--since', since, now) }),
    ...(until !== undefined && { until: parseInstant('--until', until, now) }),
    audit: await sources(apiserverAudit),
  };
}

/** A new file, so that a slip of the hand costs no evidence. */
function newLines(path: string): { write(value: object): void; close(): void } {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'it exists already; name a new file' : `it cannot be made (${code})`;
    throw new Error(`writing --orphans ${path}: ${why}`);
  }
  return {
    write: (value) => writeFileSync(file, `${JSON.stringify(value)}\n`),
    close: () => closeSync(file),
  };
}

/** The same file given twice would show every request as answered twice. */
async function sources(files: readonly string[]): Promise<AuditSource[]> {
  const seen = new Map<string, string>();
  const found: AuditSource[] = [];
  for (const file of files) {
    const source = file === '-' ? { name: '-', inode: '-', stream: () => process.stdin } : await auditFile(file);
    const twin = seen.get(source.inode);
    if (twin !== undefined) throw new Error(`reading --apiserver-audit ${file}: it is the same file as ${twin}`);
    seen.set(source.inode, file);
    found.push(source);
  }
  return found;
}

const EVERY_LINE = 40;

function completenessText(report: JoinReport, trust: string): string {
  const lines = tableOf(report).map(([what, value]) => `  ${what.padEnd(56)} ${value}`);
  const findings = report.findings.slice(0, EVERY_LINE).flatMap(findingText);
  const all = Object.values(report.counts).reduce((sum, count) => sum + count, 0);
  const more = all - Math.min(report.findings.length, EVERY_LINE);
  return `${[
    `${verdictWord(report.verdict)}  ${report.audit.writes} requests of ${report.identities.length} identities against ${report.attempts.total} recorded attempts`,
    `ledger: ${report.ledger.verdict}, by ${trust}`,
    ...(report.window === undefined ? [] : [windowText(report.window)]),
    ...lines,
    ...report.identities.map(identityText),
    ...report.gaps.flatMap(gapText),
    ...findings,
    ...(more > 0 ? [`... ${more} more findings; --orphans writes down every one`] : []),
  ].join('\n')}\n`;
}

function windowText({ since = 'the beginning', until = 'the end' }: NonNullable<JoinReport['window']>): string {
  return `only what happened from ${since} until ${until}`;
}

function tableOf({ audit, attempts, missing, decisions }: JoinReport): [string, string | number][] {
  const { closed } = attempts;
  const micros = decisions.p50 === undefined ? '' : `, p50 ${decisions.p50} us, p99 ${decisions.p99} us`;
  return [
    ['writes by our identities in the audit log', audit.writes],
    ['attempts in the ledger', attempts.total],
    ['matched one to one', attempts.matched],
    ['in the audit log only', missing.inLedger],
    ['answered in the ledger, not in the audit log', missing.inAudit],
    [
      'open in the ledger: done / refused / given up by the server / never arrived',
      `${closed.done} / ${closed.refused} / ${closed.undecided} / ${closed.neverArrived}`,
    ],
    ['recorded and never sent; refused before it is audited', `${attempts.silent}; ${attempts.refusedEarly}`],
    ['requests of ours that RBAC refused', audit.forbidden],
    ['policy decisions: allowed, denied', `${decisions.allowed}, ${decisions.denied}${micros}`],
    ['the audit log covers', `${audit.from ?? '-'} to ${audit.until ?? '-'}, ${audit.events} events`],
  ];
}

function identityText({ user, requests, attempts, matched }: IdentityCount): string {
  return plain(
    `  ${(user || '(not authenticated)').padEnd(56)} ${requests} requests, ${attempts} attempts, ${matched} matched`,
  );
}

function gapText({ code, says, count, from, until }: JoinGap): string[] {
  const when = from === undefined ? '' : `, ${from} to ${until}`;
  return [`GAP ${code}: ${GAP_CODES[code]}`, plain(`    ${says} (${count}${when})`)];
}

export function findingText({
  code,
  says,
  at,
  user,
  verb,
  resource,
  namespace,
  name,
  status,
  auditId,
  log,
  seq,
}: JoinFinding): string[] {
  const object = [namespace, name].filter(Boolean).join('/');
  const what = [at, user, verb, resource, object, status].filter((part) => part !== undefined && part !== '').join(' ');
  const record = log === undefined ? '' : `, record ${log}${seq === undefined ? '' : `-${seq}`}`;
  return [
    `WRONG ${code}: ${JOIN_CODES[code]}`,
    ...(what === '' ? [] : [plain(`    ${what}`)]),
    plain(`    ${says}${record}${auditId === undefined ? '' : `, Audit-ID ${auditId}`}`),
  ];
}

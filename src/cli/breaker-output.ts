import { plain } from './ledger-output.ts';

/** A hold as the door tells it (`comptroller.dev/breaker/v1`). */
export interface ShownHold {
  readonly id: string;
  readonly state: string;
  readonly scope: string;
  readonly at: string;
  readonly subject: string;
  readonly controller: string;
  readonly reason: string;
  readonly why: string;
  readonly says: string;
  readonly weight: number;
  readonly limit: number;
  readonly percent?: number;
  readonly evidence: string;
  readonly writes: number;
  /** Keys that have asked for it in this leadership: each plans one object's change or end. */
  readonly waiting: number;
  readonly sample: readonly string[];
  readonly rejectedBy?: string;
  readonly rejectedWhy?: string;
  readonly next: readonly string[];
}

export interface ShownGrant {
  readonly hold: string;
  readonly controller: string;
  readonly root: string;
  readonly subject?: string;
  readonly left: number;
  readonly until: string;
  readonly by: string;
}

/** Columns as wide as their widest; names come from the cluster, so no control character reaches a terminal. */
function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(plain));
  const widths = (clean[0] ?? []).map((_, at) => Math.max(...clean.map((row) => (row[at] ?? '').length)));
  return clean
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

export function listText(holds: readonly ShownHold[], grants: readonly ShownGrant[]): string {
  const held = holds.map(({ id, state, at, controller, subject, weight, limit, percent, writes, waiting }) => [
    id,
    state.toUpperCase(),
    at,
    controller === '' ? '-' : controller,
    subject,
    `${weight}/${limit}`,
    percent === undefined ? '-' : `${percent}%`,
    String(Math.max(writes, waiting)),
  ]);
  const header = ['ID', 'STATE', 'SINCE', 'CONTROLLER', 'OWNER', 'WEIGHT/LIMIT', 'SHARE', 'WAITING'];
  const first = held.length === 0 ? 'nothing is held\n' : table([header, ...held]);
  if (grants.length === 0) return first;
  const rows = grants.map(({ hold, controller, left, until, by }) => [hold, controller, String(left), until, by]);
  return `${first}\n${table([['GRANT OF HOLD', 'CONTROLLER', 'LEFT', 'UNTIL', 'BY'], ...rows])}`;
}

const SCOPES: Readonly<Record<string, string>> = {
  cause: 'one cause',
  namespace: 'a whole namespace',
  cluster: 'the whole cluster',
};

export function holdText(hold: ShownHold): string {
  const { id, state, scope, at, controller, subject, says, reason, why, evidence, sample, writes, waiting } = hold;
  const more = Math.max(writes, waiting) - sample.length;
  const said = hold.rejectedBy === undefined ? [] : [`rejected    by ${hold.rejectedBy}: ${hold.rejectedWhy ?? ''}`];
  const lines = [
    `hold ${id}, ${state}, of ${SCOPES[scope] ?? scope}, since ${at}`,
    '',
    `owner       ${subject}`,
    `controller  ${controller === '' ? '-' : controller}`,
    `what        ${says}`,
    `why         ${reason}: ${why}`,
    `evidence    ${evidence}`,
    ...said,
    '',
    ...(sample.length === 0 ? [] : ['what waits:', ...sample.map((one) => `  ${one}`)]),
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
    'what can be done:',
    ...hold.next.map((one) => `  ${one}`),
  ];
  return `${lines.map(plain).join('\n')}\n`;
}

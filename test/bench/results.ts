/** What came of it, as tables of Markdown that are read in a terminal as well. */
import type { Measured } from './measure.ts';
import type { Manager } from './options.ts';
import type { Requests } from './requests.ts';
import type { Round } from './rounds.ts';
import { GROUPS, SHAPES } from './shapes.ts';
import { type Spread, spread, tell } from './spread.ts';

const READS = ['get', 'list', 'watch'];
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection', 'events', 'leases'];

/** One section for each shape. */
export function renderRounds(rounds: readonly Round[]): string {
  const shapes = [...new Set(rounds.map(({ shape }) => shape))];
  return [...shapes.map((shape) => renderShape(shape, ofShape(rounds, shape))), growth(rounds)]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** CPU a pod, over the sizes: flat where the cost grows as the work does. */
function growth(rounds: readonly Round[]): string {
  const shapes = (GROUPS.growth ?? []).filter((shape) => rounds.some((round) => round.shape === shape));
  if (shapes.length < 2) return '';
  const managers = [...new Set(rounds.map(({ manager }) => manager))].sort();
  const each = (shape: string, manager: Manager): string => {
    const all = ofShape(rounds, shape).filter((round) => round.manager === manager);
    const cpu = (round: Round): number => round.phases.reduce((sum, one) => sum + one.cpu, 0);
    return tell(spread(all.map((round) => (1000 * cpu(round)) / (SHAPES[shape]?.pods ?? 1))), 1);
  };
  const rows = managers.map((manager) => [manager, ...shapes.map((shape) => each(shape, manager))]);
  return `### Growth: CPU ms a pod that is made, replaced and deleted\n\n${table(['manager', ...shapes], rows)}`;
}

const ofShape = (rounds: readonly Round[], shape: string) => rounds.filter((round) => round.shape === shape);

function renderShape(shape: string, rounds: readonly Round[]): string {
  const managers = [...new Set(rounds.map(({ manager }) => manager))].sort();
  const phases = [...new Set(rounds.flatMap((round) => round.phases.map(({ phase }) => phase)))];
  const ofBoth = (phase: string, manager: Manager): readonly Measured[] =>
    rounds.flatMap((round) => round.phases).filter((one) => one.phase === phase && one.manager === manager);
  const perPhase = table(
    ['phase', 'manager', 'wall s', 'CPU s', 'control plane CPU s', 'others, processors', 'requests'],
    phases.flatMap((phase) => managers.map((manager) => [phase, manager, ...cells(ofBoth(phase, manager))])),
  );
  const memory = table(
    ['manager', 'peak MiB', 'resident MiB', 'proportional MiB'],
    managers.map((manager) => [
      manager,
      ...memoryCells(rounds.filter((round) => round.manager === manager).map((round) => round.memory)),
    ]),
  );
  return [`### ${shape}`, perPhase, memory, ratios(rounds, phases)].filter((part) => part !== '').join('\n\n');
}

function cells(measured: readonly Measured[]): readonly string[] {
  const over = (of: (one: Measured) => number): Spread => spread(measured.map(of));
  return [
    tell(over(({ wall }) => wall)),
    tell(over(({ cpu }) => cpu)),
    tell(over(({ controlPlane }) => controlPlane)),
    tell(over(({ others }) => others)),
    requests(measured.map((one) => one.requests)),
  ];
}

function memoryCells(all: readonly Round['memory'][]): readonly string[] {
  return (['peak', 'resident', 'proportional'] as const).map((key) =>
    tell(spread(all.map((memory) => memory[key] / 2 ** 20)), 0),
  );
}

/** Medians by verb. */
function requests(all: readonly Requests[]): string {
  return [...WRITES, ...READS]
    .map((verb) => [verb, spread(all.map((one) => one[verb] ?? 0)).median] as const)
    .filter(([, count]) => count > 0)
    .map(([verb, count]) => `${verb} ${Math.round(count)}`)
    .join(', ');
}

/** Comptroller's share of what each other manager took in the same round. */
function ratios(rounds: readonly Round[], phases: readonly string[]): string {
  const others = [...new Set(rounds.map(({ manager }) => manager))].filter((manager) => manager !== 'comptroller');
  const rows = others.flatMap((other) => {
    const pairs = paired(rounds, other);
    if (pairs.length === 0) return [];
    const ratio = (of: (round: Round) => number): string =>
      tell(spread(pairs.map(([ours, theirs]) => of(ours) / of(theirs))));
    const sum = (round: Round, key: 'wall' | 'cpu', phase?: string): number =>
      round.phases.reduce((total, one) => total + (phase === undefined || one.phase === phase ? one[key] : 0), 0);
    const row = (title: string, phase?: string): readonly string[] => [
      title,
      other,
      ratio((round) => sum(round, 'wall', phase)),
      ratio((round) => sum(round, 'cpu', phase)),
      phase === undefined ? ratio(({ memory }) => memory.peak) : '',
      phase === undefined ? ratio(({ memory }) => memory.proportional) : '',
    ];
    return [...phases.map((phase) => row(phase, phase)), row('all')];
  });
  if (rows.length === 0) return '';
  return table(
    ['Comptroller as a multiple of', 'manager', 'wall', 'CPU', 'peak memory', 'proportional memory at the end'],
    rows,
  );
}

function paired(rounds: readonly Round[], other: Manager): readonly (readonly [Round, Round])[] {
  return rounds
    .filter(({ manager }) => manager === 'comptroller')
    .flatMap((ours) => {
      const theirs = rounds.find(({ manager, round }) => manager === other && round === ours.round);
      return theirs === undefined ? [] : [[ours, theirs] as const];
    });
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const wide = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cellsOf: readonly string[]): string =>
    `| ${cellsOf.map((cell, at) => cell.padEnd(wide[at] ?? 0)).join(' | ')} |`;
  return [line(head), `|${wide.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

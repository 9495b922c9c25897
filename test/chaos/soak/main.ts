/** `npm run soak`: does Comptroller stay as it is, hour after hour, under load and with certificates that change every minute? */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { admin } from '#kit/admin.ts';
import { builtProgram } from '#kit/built-program.ts';
import { startCluster } from '#local/cluster.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { install, startManager } from '#local/manager.ts';
import { versions } from '../../conformance/versions.ts';
import { Auditing } from '../books.ts';
import { drawFrom } from '../draw.ts';
import { Churn } from '../load.ts';
import { chart } from './chart.ts';
import { Effects } from './effects.ts';
import { type Options, parseOptions } from './options.ts';
import { failuresOf, renderReport, type Soaked } from './report.ts';
import { Rotation } from './rotation.ts';
import { Sampler, type SeriesName } from './sampler.ts';
import { judge } from './series.ts';

const ROOT = join(import.meta.dirname, '../../..');
const RESULTS = join(ROOT, 'test-results/soak');
const NODES = 8;
const MINUTE = 60_000;
const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

const PANELS: readonly { title: string; unit: string; lines: readonly (readonly [string, SeriesName])[] }[] = [
  {
    title: 'memory',
    unit: 'MB',
    lines: [
      ['run: resident', 'runResident'],
      ['run: heap', 'runHeap'],
      ['keeper: resident', 'keeperResident'],
    ],
  },
  {
    title: 'descriptors and connections',
    unit: 'count',
    lines: [
      ['run: descriptors', 'runDescriptors'],
      ['run: tcp connections', 'runConnections'],
      ['keeper: descriptors', 'keeperDescriptors'],
    ],
  },
  {
    title: 'event-loop delay of run',
    unit: 'ms',
    lines: [
      ['p50', 'loopMiddle'],
      ['p99', 'loopLate'],
      ["p99 of the harness's own", 'ownLate'],
    ],
  },
];

/** The run itself, on a cluster that is there. */
async function soak(cluster: LocalCluster, options: Options): Promise<{ soaked: Soaked; picture: Buffer }> {
  const person = admin(cluster);
  const manager = await startManager(cluster, await install(cluster), {
    program: await builtProgram(),
    flags: ['--certificate-lifetime=10m'],
  });
  const auditing = new Auditing({
    auditLog: cluster.auditLog,
    ledgerDirs: [manager.ledgerDir],
    stateDirs: [manager.stateDir],
  });
  const load = new Churn(person, drawFrom(options.seed, 'soak'));
  const effects = new Effects(person, say);
  const rotation = new Rotation(manager.stateDir, say);
  const sampler = new Sampler({ manager, keys: cluster.adminKeys, say });
  const started = new Date();
  load.resume();
  for (const part of [effects, rotation, sampler]) part.start();
  say(`soaking for ${options.minutes} minutes`);
  const ended = await Promise.race([manager.exited, pause(options.minutes * MINUTE, undefined)]);
  const complaints: string[] = [];
  const trouble = (error: unknown): void =>
    void complaints.push(error instanceof Error ? error.message : String(error));
  if (ended !== undefined) complaints.push(`Comptroller ended by itself: ${JSON.stringify(ended)}`);
  await sampler.stop();
  const rotated = await rotation.stop();
  const seen = await effects.stop();
  say('waiting for everything to be as wished');
  await load.settle().catch(trouble);
  await load.close();
  const exit = ended ?? (await manager.kill('SIGTERM'));
  if (exit.code !== 0) complaints.push(`Comptroller ended with ${exit.code ?? exit.signal}`);
  say('verifying the ledger and joining it with the audit log');
  const books = await auditing.books();
  await person.close();
  if (sampler.failures > 0) complaints.push(`${sampler.failures} looks at the processes failed`);
  const soaked: Soaked = {
    options,
    started,
    ended: new Date(),
    judged: sampler.all().map(judge),
    seen,
    rotated,
    changes: load.changes,
    writes: books.writes,
    records: books.records,
    complaints: [...complaints, ...books.complaints],
    ...versions(),
  };
  const panels = PANELS.map(({ title, unit, lines }) => ({
    title,
    unit,
    lines: lines.map(([name, series]) => ({ name, points: sampler.series(series).points })),
  }));
  return { soaked, picture: chart(panels) };
}

async function main(options: Options): Promise<number> {
  const cluster = await startCluster({ name: 'soak', nodes: NODES, progress: say });
  process.once('SIGINT', () => {
    say('interrupted: ending the control plane');
    void cluster.stop().finally(() => process.exit(130));
  });
  try {
    const { soaked, picture } = await soak(cluster, options);
    const text = renderReport(soaked);
    process.stdout.write(`${text}\n`);
    for (const directory of [RESULTS, ...(options.record ? [join(import.meta.dirname, '..')] : [])]) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'SOAK.md'), text);
      writeFileSync(join(directory, 'SOAK.png'), picture);
      say(`written: ${relative(ROOT, directory)}/SOAK.md and SOAK.png`);
    }
    return failuresOf(soaked).length === 0 ? 0 : 1;
  } finally {
    // Of an end that nobody expected they alone tell why.
    cpSync(join(cluster.directory, 'logs'), join(RESULTS, 'logs'), { recursive: true });
    await cluster.stop();
  }
}

try {
  process.exit(await main(parseOptions(process.argv.slice(2))));
} catch (error) {
  // Commander has said it already.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  say(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}

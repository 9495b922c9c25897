/** What a run says. */
import type { Seen } from './effects.ts';
import type { Options } from './options.ts';
import type { Rotated } from './rotation.ts';
import { type Judged, SHARE, WARM_UP } from './series.ts';

export interface Soaked {
  readonly options: Options;
  readonly started: Date;
  readonly ended: Date;
  readonly judged: readonly Judged[];
  readonly seen: Seen;
  readonly rotated: Rotated;
  /** Of the load. */
  readonly changes: number;
  /** Requests that were joined, and records that verified. */
  readonly writes: number;
  readonly records: number;
  /** What was wrong beside that; one line each. */
  readonly complaints: readonly string[];
  readonly kubernetes: string;
  readonly comptroller: string;
}

/** Everything that did not hold; empty for a good run. */
export function failuresOf({ judged, seen, rotated, complaints, options }: Soaked): readonly string[] {
  return [
    ...judged
      .filter(({ flat }) => flat === false)
      .map(
        ({ name, last, bound = Number.NaN, unit }) =>
          `${name} is not flat: ${round(last)} ${unit}, at most ${round(bound)}`,
      ),
    ...seen.missed.map((what) => `missed: ${what}`),
    ...(seen.effects === 0 ? ['no effect was looked for'] : []),
    ...rotated.failed.map((what) => `not renewed: ${what}`),
    ...(options.minutes > 1 && rotated.rounds === 0 ? ['no certificate was renewed'] : []),
    ...complaints,
  ];
}

const round = (value: number): string => String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toFixed(1)));

export function renderReport(soaked: Soaked): string {
  const { started, ended, options, judged, seen, rotated, changes, writes, records } = soaked;
  const failures = failuresOf(soaked);
  const minutes = Math.round((ended.getTime() - started.getTime()) / 60_000);
  return `${[
    '# Soak',
    '',
    'Written by `npm run soak -- --record`; [soak/main.ts](soak/main.ts) says how. Comptroller on a real control plane, while Deployments',
    'and namespaces come, roll, scale and go, and every certificate is renewed once a minute.',
    '',
    `- ${started.toISOString().slice(0, 16)}Z, ${minutes} minutes, seed ${options.seed}`,
    `- Comptroller ${soaked.comptroller}, Kubernetes ${soaked.kubernetes}, Node ${process.version}`,
    `- ${changes} changes by the load; ${writes} requests joined with ${records} records, which verify`,
    `- ${rotated.rounds} rotations of ${rotated.identities} identities: ${rotated.certificates} certificates, ${rotated.failed.length} rounds failed`,
    `- ${seen.effects} effects looked for by an auditor, **${seen.missed.length} missed**; p50 ${seen.p50} ms, p99 ${seen.p99} ms, at most ${seen.max} ms`,
    `- ${failures.length === 0 ? 'everything held' : `${failures.length} FAILED`}`,
    '',
    `Medians of the first and the last quarter, after a warm-up of the first ${WARM_UP * 100} %. Flat: the last is at most ${SHARE * 100} % above the`,
    'first, and what stands in `sampler.ts` for one series more. The slope is the median of the slopes between all pairs of looks.',
    '',
    '| | looks | first quarter | last quarter | at most | slope an hour | largest | flat |',
    '|---|---|---|---|---|---|---|---|',
    ...judged.map(row),
    '',
    '![Memory, descriptors, connections and delay over the run](SOAK.png)',
    ...(failures.length === 0 ? [] : ['', '## Failures', '', ...failures.map((line) => `- ${line}`)]),
  ].join('\n')}\n`;
}

function row({ name, unit, count, first, last, bound, perHour, max, flat }: Judged): string {
  const told = (value: number): string => `${round(value)}${unit === '' ? '' : ` ${unit}`}`;
  const slope = `${perHour >= 0 ? '+' : ''}${told(perHour)}`;
  const verdict = flat === undefined ? 'not judged' : flat ? 'yes' : '**no**';
  const most = bound === undefined ? '' : told(bound);
  return `| ${[name, count, told(first), told(last), most, slope, told(max), verdict].join(' | ')} |`;
}

/** Runs upstream's e2e.test by ginkgo against a local control plane. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureBinaries } from '#local/build.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import type { Options } from './options.ts';
import { parseReport, type Results } from './report.ts';

const REPORT = 'report.json';

/** Resolves when all tests have ended; the report stays in `directory`. */
export async function runSuite(
  cluster: LocalCluster,
  options: Options,
  directory: string,
  progress: (line: string) => void,
): Promise<Results> {
  const binaries = await ensureBinaries(['ginkgo', 'e2e.test', 'kubectl'], { progress });
  const ginkgo = await cluster.run({
    name: 'ginkgo',
    command: binaries.ginkgo,
    args: [
      ...ginkgoArguments(options, directory),
      binaries['e2e.test'],
      '--',
      ...suiteArguments(cluster.kubeconfig, binaries.kubectl, directory),
    ],
    // Tests start kubectl, some by its name.
    env: { PATH: `${dirname(binaries.kubectl)}:/usr/bin:/bin`, HOME: join(cluster.directory, 'home') },
    cwd: directory,
  });
  progress(`tests under way; tail -f ${ginkgo.logFile}`);
  const ticker = setInterval(() => progress(tally(readFileSync(ginkgo.logFile, 'utf8'))), 30_000);
  const { code, signal } = await ginkgo.exited.finally(() => clearInterval(ticker));
  const report = join(directory, REPORT);
  if (!existsSync(report)) {
    const said = readFileSync(ginkgo.logFile, 'utf8');
    throw new Error(`running the tests: ginkgo ended with ${signal ?? code} and left no report\n${whyEnded(said)}`);
  }
  return parseReport(readFileSync(report, 'utf8'));
}

/** A process that panics (at a regular expression that is none, say) tells why before its stack, which may be long. */
export function whyEnded(output: string): string {
  return /^panic: .*/m.exec(output)?.[0] ?? output.slice(-2000);
}

/** From what ginkgo has printed so far: a bullet for each test, with words behind it for one that failed. */
export function tally(output: string): string {
  const wanted = /^Will run (\d+) of/m.exec(output)?.[1] ?? '?';
  const ended = output.match(/^•+/gm)?.join('').length ?? 0;
  const failed = output.match(/^• \[(?!SKIPPED)[A-Z]/gm)?.length ?? 0;
  return `${ended} of ${wanted} tests have ended, ${failed} of them not well`;
}

function ginkgoArguments({ focus, skip, procs, timeout }: Options, directory: string): readonly string[] {
  return [
    'run',
    `--procs=${procs}`,
    `--timeout=${timeout}m`,
    `--focus=${focus}`,
    `--skip=${skip}`,
    '--no-color',
    '--silence-skips',
    `--output-dir=${directory}`,
    `--json-report=${REPORT}`,
  ];
}

/** Of the suite itself. Nodes are simulated: nothing is to be asked of their operating system or their pods. */
function suiteArguments(kubeconfig: string, kubectl: string, directory: string): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--kubectl-path=${kubectl}`,
    '--provider=skeleton',
    '--node-os-distro=custom',
    '--allowed-not-ready-nodes=-1',
    '--minStartupPods=0',
    '--repo-root=',
    `--e2e-output-dir=${directory}`,
  ];
}

/** `npm run cluster -- up|down|status|kubeconfig|logs`: control planes that outlive the command that started them. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ensureBinaries } from './build.ts';
import { down, up } from './detached.ts';
import type { ManagerKind } from './local-cluster.ts';
import { type ClusterState, checkName, clusterDirectory, knownNames, runningState } from './state.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

function nodeCount(text: string): number {
  const count = Number(text);
  if (/^\d{1,4}$/.test(text) && count <= 5000) return count;
  throw new InvalidArgumentError('expected a whole number from 0 to 5000');
}

function clusterName(text: string): string {
  try {
    return checkName(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function mustRun(name: string): ClusterState {
  const state = runningState(name);
  if (state !== undefined) return state;
  throw new Error(`looking for cluster ${name}: it does not run; start it with: npm run cluster -- up --name ${name}`);
}

function describe(state: ClusterState): string {
  const loops = state.manager === 'none' ? 'no controller manager' : `controller manager: ${state.manager}`;
  return `${state.name}: ${state.phase}, ${state.server ?? 'no address yet'}, ${state.nodes} nodes, ${loops}`;
}

async function runUp(options: { name: string; nodes: number; manager: ManagerKind }): Promise<void> {
  const interrupt = new AbortController();
  // The build runs in this process's group and is interrupted with it; a start that is interrupted is undone.
  process.once('SIGINT', () => interrupt.abort()).once('SIGTERM', () => interrupt.abort());
  const { kubectl } = await binariesFor(options.manager, interrupt.signal);
  const { state, started } = await up({ ...options, progress, interrupted: interrupt.signal });
  say(started ? `cluster ${describe(state)}` : `cluster ${state.name} runs already; nothing was changed`);
  if (!started) say(describe(state));
  say(`  export KUBECONFIG=${state.kubeconfig ?? ''}`);
  say(`  ${kubectl} get nodes,pods -A`);
  say(`  npm run cluster -- down --name ${state.name}`);
}

/** Built here, in the foreground, so that the progress is seen and Ctrl-C ends it. */
async function binariesFor(manager: ManagerKind, interrupted: AbortSignal): Promise<{ kubectl: string }> {
  const ended = new Promise<never>((_, reject) => {
    interrupted.addEventListener('abort', () => reject(new Error('building the control plane: interrupted')));
  });
  // The cluster's own start listens later; then this one has nothing to say any more.
  ended.catch(() => {});
  const servers = ['etcd', 'kube-apiserver', 'kube-scheduler', 'kwok', 'kubectl'] as const;
  const names = manager === 'upstream' ? ([...servers, 'kube-controller-manager'] as const) : servers;
  return Promise.race([ensureBinaries(names, { progress }), ended]);
}

async function runDown({ name }: { name: string }): Promise<void> {
  const done = await down(name);
  const told = { stopped: 'stopped', cleaned: 'did not run; removed what it left', absent: 'does not run' };
  say(`cluster ${name} ${told[done]}`);
}

function runStatus({ name }: { name?: string }): void {
  const names = name === undefined ? knownNames() : [name];
  if (names.length === 0) say('no cluster runs');
  for (const each of names) {
    const state = runningState(each);
    say(state === undefined ? `${each}: does not run` : describe(state));
    for (const [process, pid] of Object.entries(state?.pids ?? {})) say(`  ${process}: ${pid}`);
    if (state === undefined && name !== undefined) process.exitCode = 3;
  }
}

function runLogs(component: string | undefined, options: { name: string; lines: string; follow?: boolean }): void {
  mustRun(options.name);
  const directory = join(clusterDirectory(options.name), 'logs');
  const known = readdirSync(directory).map((file) => file.replace(/\.log$/, ''));
  if (component !== undefined && !known.includes(component))
    throw new Error(`reading logs: expected one of ${known.join(', ')}, got ${JSON.stringify(component)}`);
  if (!/^\d{1,9}$/.test(options.lines)) throw new Error('reading --lines: expected a whole number');
  const files = (component === undefined ? known : [component]).map((each) => join(directory, `${each}.log`));
  const tail = spawn('tail', ['-n', options.lines, ...(options.follow === true ? ['-F'] : []), ...files], {
    stdio: 'inherit',
  });
  tail.once('error', (error) => fail(new Error(`reading logs: ${error.message}`)));
}

function fail(error: unknown): never {
  progress(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

const name = () => new Option('--name <name>', 'which cluster').default('local').argParser(clusterName);
const program = new Command('cluster').description('real Kubernetes control planes on this machine');
program
  .command('up')
  .description('start one in the background; one that runs already is left alone')
  .addOption(name())
  .option('--nodes <count>', 'simulated nodes', nodeCount, 4)
  .addOption(
    new Option('--manager <kind>', 'who runs the control loops')
      .choices(['comptroller', 'upstream', 'none'])
      .default('comptroller'),
  )
  .action(runUp);
program.command('down').description('end it and remove its files').addOption(name()).action(runDown);
program
  .command('status')
  .description('what runs; exit code 3 when the named one does not')
  .option('--name <name>', 'one cluster only', clusterName)
  .action(runStatus);
program
  .command('kubeconfig')
  .description("print the path of the administrator's kubeconfig")
  .addOption(name())
  .action((options: { name: string }) => say(mustRun(options.name).kubeconfig ?? ''));
program
  .command('logs')
  .description('print what its processes said')
  .argument('[process]', 'etcd, kube-apiserver, …; all by default')
  .addOption(name())
  .option('-n, --lines <count>', 'last lines of each', '50')
  .option('-f, --follow', 'go on as they say more')
  .action(runLogs);

await program.parseAsync().catch(fail);

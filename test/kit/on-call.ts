/** People who may see what the breaker holds, or decide about it, with the command line that they would use. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunningManager } from '#local/manager.ts';
import { ROOT, type World } from './manager.ts';
import { until } from './wait.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Of `breaker list -o json`, what tests look at. */
export interface Hold {
  readonly id: string;
  readonly state: string;
  readonly weight: number;
  readonly waiting: number;
}

export type Role = 'comptroller:breaker-viewer' | 'comptroller:breaker-operator';

export interface OnCall {
  /** A ServiceAccount with one of the roles for people, and a file with its token. */
  person(name: string, role: Role): Promise<void>;
  breaker(who: string, ...args: readonly string[]): Promise<Said>;
  /** As that person lists them. */
  holds(who: string): Promise<readonly Hold[]>;
  /** Resolves with the holds once there are so many. */
  heldAt(who: string, count: number, why: string): Promise<readonly Hold[]>;
}

/** `manager`: whose door is asked, at the time of asking. Tokens are files of the cluster's directory. */
export function onCall(world: World, namespace: string, manager: () => RunningManager): OnCall {
  const tokens = new Map<string, string>();
  const breaker = (who: string, ...args: readonly string[]): Promise<Said> =>
    comptroller(
      'breaker',
      ...args,
      `--server=https://127.0.0.1:${manager().port}`,
      '--insecure-skip-tls-verify',
      `--token-file=${tokens.get(who)}`,
    );
  const holds = async (who: string): Promise<readonly Hold[]> => {
    const { out, err, code } = await breaker(who, 'list', '-o', 'json');
    if (code !== 0) throw new Error(`listing holds: ${err}`);
    return (JSON.parse(out) as { holds: readonly Hold[] }).holds;
  };
  return {
    breaker,
    holds,
    async person(name, role) {
      tokens.set(name, await tokenFor(world, namespace, name, role));
    },
    heldAt: (who, count, why) =>
      until(
        async () => {
          const found = await holds(who);
          return found.length === count ? found : undefined;
        },
        { timeout: 30_000, why, every: 200 },
      ),
  };
}

async function tokenFor({ admin, cluster }: World, namespace: string, name: string, role: Role): Promise<string> {
  await admin.create('core/serviceaccounts', { metadata: { namespace, name } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
  const subjects = [{ kind: 'ServiceAccount', namespace, name }];
  await admin.create('rbac.authorization.k8s.io/clusterrolebindings', { metadata: { name }, roleRef, subjects });
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const answer = await admin.call('POST', path, { body: { spec: { expirationSeconds: 3600 } } });
  const file = join(cluster.directory, `${name}.token`);
  writeFileSync(file, (answer.body as { status: { token: string } }).status.token, { mode: 0o600 });
  return file;
}

/** The command line with its exit code; refusals are answers here. */
export async function comptroller(...args: readonly string[]): Promise<Said> {
  const run = promisify(execFile);
  try {
    const { stdout, stderr } = await run(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args]);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

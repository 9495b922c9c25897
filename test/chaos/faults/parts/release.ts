/** The person on call, who lets go what the breaker holds. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '#kit/manager.ts';
import type { Arena, Replica } from '../../fault.ts';

const run = promisify(execFile);

/** Releases every hold that is open at the replica that leads; gives how many. */
export async function releaseHolds({ cluster }: Arena, { process }: Replica): Promise<number> {
  const breaker = async (...args: readonly string[]): Promise<string> => {
    const { certFile, keyFile } = cluster.adminKeys;
    const who = [`--client-cert=${certFile}`, `--client-key=${keyFile}`, '--insecure-skip-tls-verify'];
    const door = [`--server=https://127.0.0.1:${process?.port}`, ...who, '-o', 'json'];
    return (await run(globalThis.process.execPath, [join(ROOT, 'src/cli/main.ts'), 'breaker', ...args, ...door]))
      .stdout;
  };
  const { holds } = JSON.parse(await breaker('list')) as { holds: readonly { id: string; state: string }[] };
  const open = holds.filter(({ state }) => state === 'open');
  for (const { id } of open) await breaker('release', id, '--reason', 'the older ledger was put back on purpose');
  return open.length;
}

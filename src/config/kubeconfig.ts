import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { HARDENED_FLAGS } from './harden.ts';

/** Where the API server is, and who vouches for it. No credential of the kubeconfig leaves the child that reads it. */
export interface ApiServer {
  /** `https://host:port`, without a trailing slash. */
  readonly server: string;
  readonly caPem: string;
  /** The name that the server's certificate must have, where it differs from the host. */
  readonly tlsServerName?: string;
}

/** What the child that reads the file prints, as JSON: the server, or what is wrong with the file. */
export type Answer =
  | { readonly ok: true; readonly value: ApiServer }
  | { readonly ok: false; readonly problem: string };

const MAX_ANSWER = 1024 * 1024;
const TIMEOUT = 20_000;

/**
 * Reads a kubeconfig in a short-lived child: the library that understands it is large, and its credentials are of no use
 * here. Exec plugins are never run. Throws an Error that names the file, the field and the remedy.
 */
export async function readKubeconfig(path: string, master?: string): Promise<ApiServer> {
  const suffix = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const script = join(import.meta.dirname, `kubeconfig-child.${suffix}`);
  const text = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [...HARDENED_FLAGS, script, path, master ?? ''],
      { env: {}, timeout: TIMEOUT, maxBuffer: MAX_ANSWER, killSignal: 'SIGKILL' },
      (error, stdout) => {
        if (stdout !== '') resolve(stdout);
        else reject(new Error(`--kubeconfig: reading ${path} took too long or failed`, { cause: error?.code }));
      },
    );
  });
  const answer = JSON.parse(text) as Answer;
  if (!answer.ok) throw new Error(`--kubeconfig: ${path}: ${answer.problem}`);
  return answer.value;
}

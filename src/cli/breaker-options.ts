import { Command, Option } from 'commander';
import { type DoorReply, type Knocking, knockAt } from '#doors/client.ts';
import { type Credentials, currentUser, readText } from './kubeconfig-user.ts';

/** How a door is reached, and as whom. */
export interface DoorOptions {
  readonly server: string;
  readonly kubeconfig?: string;
  readonly tokenFile?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly caFile?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly output: 'table' | 'json';
}

export function doorCommand(name: string, does: string): Command {
  return new Command(name)
    .description(does)
    .option('--server <url>', 'the HTTPS door of the replica that leads', 'https://127.0.0.1:10257')
    .option('--kubeconfig <file>', "whose current user's certificate or token is shown; its server is not asked")
    .option('--token-file <file>', 'a bearer token that the API server knows')
    .option('--client-cert <file>', 'a client certificate of the cluster, PEM')
    .option('--client-key <file>', 'its key, PEM')
    .option('--ca-file <file>', 'what verifies the door, PEM')
    .option(
      '--insecure-skip-tls-verify',
      'trust any certificate of the door; for the one made in memory, on its own host',
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'));
}

/** What the options say; throws an Error fit for a person. */
export function knockingOf(options: DoorOptions): Knocking {
  const server = URL.parse(options.server);
  if (server?.protocol !== 'https:')
    throw new Error('reading --server: it is no https address; give https://host:port');
  const who = credentialsOf(options);
  if (who.cert === undefined && who.token === undefined)
    throw new Error(
      'knocking as nobody: the door asks who you are; give --kubeconfig, --token-file, or --client-cert with --client-key',
    );
  const unverified = options.insecureSkipTlsVerify === true;
  if (unverified && who.token !== undefined && !isHere(server))
    throw new Error('--insecure-skip-tls-verify: a token would be shown to whoever answers there; give --ca-file');
  const ca = options.caFile === undefined ? {} : { ca: readText('--ca-file', options.caFile) };
  return { server, ...who, ...ca, ...(unverified && { unverified }) };
}

const isHere = ({ hostname }: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

function credentialsOf({ kubeconfig, tokenFile, clientCert, clientKey }: DoorOptions): Credentials {
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw new Error('--client-cert: certificate and key go together; give --client-key as well');
  if (clientCert !== undefined && clientKey !== undefined)
    return { cert: readText('--client-cert', clientCert), key: readText('--client-key', clientKey) };
  if (tokenFile !== undefined) return { token: readText('--token-file', tokenFile).trim() };
  return kubeconfig === undefined ? {} : currentUser(kubeconfig, '--kubeconfig');
}

const SAID: Readonly<Record<number, string>> = {
  401: 'the door does not know you: these credentials are none that the API server believes',
  403: 'you may not: ask for the ClusterRole comptroller:breaker-viewer (to see) or comptroller:breaker-operator (to decide)',
  429: 'too many requests at this door; try again in a moment',
};

/** Asks the door; resolves with its document, or throws what it says is wrong. */
export async function askDoor<T>(
  options: DoorOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
  const reply = await knockAt(knockingOf(options), method, path, body);
  const document = documentOf(reply);
  if (reply.status < 300 && document !== undefined) return document as T;
  const error = (document as { error?: unknown } | undefined)?.error;
  throw new Error(typeof error === 'string' ? error : (SAID[reply.status] ?? `the door answered ${reply.status}`));
}

function documentOf({ body }: DoorReply): object | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

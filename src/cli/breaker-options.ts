import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { parseDocument } from 'yaml';
import { type DoorReply, type Knocking, knockAt } from '#doors/client.ts';

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

type Credentials = Pick<Knocking, 'cert' | 'key' | 'token'>;

function credentialsOf({ kubeconfig, tokenFile, clientCert, clientKey }: DoorOptions): Credentials {
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw new Error('--client-cert: certificate and key go together; give --client-key as well');
  if (clientCert !== undefined && clientKey !== undefined)
    return { cert: readText('--client-cert', clientCert), key: readText('--client-key', clientKey) };
  if (tokenFile !== undefined) return { token: readText('--token-file', tokenFile).trim() };
  return kubeconfig === undefined ? {} : currentUser(kubeconfig);
}

interface Kubeconfig {
  readonly 'current-context'?: unknown;
  readonly contexts?: readonly { readonly name?: unknown; readonly context?: { readonly user?: unknown } }[];
  readonly users?: readonly { readonly name?: unknown; readonly user?: Readonly<Record<string, unknown>> }[];
}

/** The user of the current context. Nothing is run for it: plugins must leave a token in a file. */
function currentUser(file: string): Credentials {
  const config = parsed(file);
  const context = config.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const user = config.users?.find(({ name }) => name === context?.user)?.user ?? {};
  const text = (inline: string, path: string): string | undefined => {
    const [data, at] = [user[inline], user[path]];
    if (typeof data === 'string') return Buffer.from(data, 'base64').toString('utf8');
    return typeof at === 'string' ? readText(`--kubeconfig: ${path}`, at) : undefined;
  };
  const cert = text('client-certificate-data', 'client-certificate');
  const key = text('client-key-data', 'client-key');
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (typeof user.token === 'string') return { token: user.token };
  if (typeof user.tokenFile === 'string') return { token: readText('--kubeconfig: tokenFile', user.tokenFile).trim() };
  throw new Error(
    '--kubeconfig: its current user has neither a client certificate nor a token (plugins are not run); give --token-file',
  );
}

function parsed(file: string): Kubeconfig {
  const text = readText('--kubeconfig', file);
  const document = parseDocument(text, { logLevel: 'silent' });
  // What the parser says quotes the file.
  if (document.errors.length > 0) throw new Error('--kubeconfig: the file is not YAML');
  const value: unknown = document.toJS();
  return typeof value === 'object' && value !== null ? value : {};
}

function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Error(`${option}: the file cannot be read; check that it exists and who may read it`);
  }
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

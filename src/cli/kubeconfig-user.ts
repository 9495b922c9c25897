import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';

/** What a person shows: PEM texts of a certificate and its key, or a bearer token. */
export interface Credentials {
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

interface Kubeconfig {
  readonly 'current-context'?: unknown;
  readonly contexts?: readonly { readonly name?: unknown; readonly context?: { readonly user?: unknown } }[];
  readonly users?: readonly { readonly name?: unknown; readonly user?: Readonly<Record<string, unknown>> }[];
}

/** The user of the current context. Nothing is run for it: plugins must leave a token in a file. */
export function currentUser(file: string, option: string): Credentials {
  const config = parsed(file, option);
  const context = config.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const user = config.users?.find(({ name }) => name === context?.user)?.user ?? {};
  const text = (inline: string, path: string): string | undefined => {
    const [data, at] = [user[inline], user[path]];
    if (typeof data === 'string') return Buffer.from(data, 'base64').toString('utf8');
    return typeof at === 'string' ? readText(`${option}: ${path}`, resolve(dirname(file), at)) : undefined;
  };
  const cert = text('client-certificate-data', 'client-certificate');
  const key = text('client-key-data', 'client-key');
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (typeof user.token === 'string') return { token: user.token };
  if (typeof user.tokenFile === 'string')
    return { token: readText(`${option}: tokenFile`, resolve(dirname(file), user.tokenFile)).trim() };
  throw new Error(
    `${option}: its current user has neither a client certificate nor a token (plugins are not run)${option === '--kubeconfig' ? '; give --token-file' : ''}`,
  );
}

function parsed(file: string, option: string): Kubeconfig {
  const text = readText(option, file);
  const document = parseDocument(text, { logLevel: 'silent' });
  // What the parser says quotes the file.
  if (document.errors.length > 0) throw new Error(`${option}: the file is not YAML`);
  const value: unknown = document.toJS();
  return typeof value === 'object' && value !== null ? value : {};
}

export function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Error(`${option}: the file cannot be read; check that it exists and who may read it`);
  }
}

import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

/** The one place of `deploy/local` that reads the environment. */
function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}

/** A base directory of the XDG specification, which says that relative values are to be ignored. */
function baseDirectory(name: string, fallback: string): string {
  const value = variable(name);
  return join(value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback), 'comptroller');
}

/** Where built binaries are kept: outside the checkout, so that `git clean` does not cost ten minutes. */
export function cacheDirectory(): string {
  return baseDirectory('XDG_CACHE_HOME', '.cache');
}

/** Where detached clusters keep their state. */
export function stateDirectory(): string {
  return baseDirectory('XDG_STATE_HOME', '.local/state');
}

/** Directory with etcd, kube-apiserver and kubectl that somebody else provides, as envtest uses it. */
export function kubebuilderAssets(): string | undefined {
  return variable('KUBEBUILDER_ASSETS');
}

export function searchPath(): readonly string[] {
  return (variable('PATH') ?? '').split(delimiter).filter(isAbsolute);
}

/** For `go build`: proxies, GOPROXY, caches and credentials helpers are the user's own. */
export function buildEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...extra };
}

/** For servers: etcd and others take any flag from variables as well, so a stray one must not reach them. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: variable('PATH') ?? '', HOME: homedir() };
}

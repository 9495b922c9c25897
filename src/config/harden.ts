import { execFileSync } from 'node:child_process';

/**
 * What Node has to be started with: no inspector by signal, no code from strings, no native addons, no `__proto__`
 * setter.
 */
export const HARDENED_FLAGS: readonly string[] = [
  '--disable-sigusr1',
  '--disallow-code-generation-from-strings',
  '--no-addons',
  '--disable-proto=throw',
];

/**
 * Young objects take 8 MiB instead of up to 64, and the first look at old ones comes when they take 40, not hundreds: more
 * than live in a small cluster; V8 raises it with what lives. What the user gives comes later on the command line, and wins.
 */
export const MEMORY_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--initial-old-space-size=40'];
/**
 * For glibc: buffers from 16 KiB on go back to the system one by one. In one heap they leave holes between those that
 * live, and none of it is ever given back. The kernel allows 65,530 mappings, of which V8 needs some.
 */
export const MEMORY_VARIABLES: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_MAX_: '16384',
  MALLOC_MMAP_THRESHOLD_: '16384',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/** Set on the second start, so that a third never follows. */
const MARKER = 'COMPTROLLER_HARDENED';
/** Variables that make Node load or run something else than what was installed. */
const REFUSED_VARIABLES = [
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_COMPILE_CACHE',
  'NODE_REPL_EXTERNAL_MODULE',
  'NODE_V8_COVERAGE',
  'NODE_DEBUG',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_EXTRA_CA_CERTS',
  'SSLKEYLOGFILE',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'OPENSSL_CONF',
  'OPENSSL_MODULES',
  'LD_PRELOAD',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
];
/** Flags of Node's that load other code, open a door to a debugger, or write keys to a file. */
const REFUSED_FLAGS = /^--(inspect|tls-keylog|require|import|loader|experimental-loader|env-file|title)|^-r$/;
/** `ps` can only show as much as the process was started with: room for the title that is set later. */
const TITLE_ROOM = 1536;

export interface Process {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  /** Node, script, arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Start =
  | { readonly kind: 'hardened' }
  | { readonly kind: 'again'; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** How this process has to go on: as it is, or started again with all that is missing. Pure. */
export function hardenedStart({ execPath, execArgv, argv, env }: Process): Start {
  const missing = HARDENED_FLAGS.filter((flag) => !execArgv.includes(flag));
  const refused = REFUSED_VARIABLES.filter((name) => env[name] !== undefined);
  const unwanted = execArgv.filter((flag) => REFUSED_FLAGS.test(flag) && !flag.startsWith('--title='));
  if (missing.length + refused.length + unwanted.length === 0) return { kind: 'hardened' };
  if (env[MARKER] !== undefined)
    throw new Error(
      `starting hardened: ${[...missing, ...refused, ...unwanted].join(', ')} would not change; unset ${MARKER}`,
    );
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || REFUSED_VARIABLES.includes(name) ? [] : [[name, value] as const],
  );
  const title = `--title=${'kube-controller-manager'.padEnd(TITLE_ROOM)}`;
  const others = execArgv.filter((flag) => !HARDENED_FLAGS.includes(flag) && !REFUSED_FLAGS.test(flag));
  return {
    kind: 'again',
    args: [execPath, ...HARDENED_FLAGS, title, ...MEMORY_FLAGS, ...others, ...argv.slice(1)],
    env: { ...MEMORY_VARIABLES, ...Object.fromEntries(kept), [MARKER]: '1' },
  };
}

/**
 * Makes sure that this process runs hardened; replaces it by a new start of itself (same pid, same standard streams)
 * where it does not. Files that it makes are for its owner only, and no core dump can hold a key.
 */
export function ensureHardened(): void {
  process.umask(0o077);
  const start = hardenedStart({ ...pick(process), env: process.env });
  if (start.kind === 'hardened') return;
  forbidCoreDumps(process.pid);
  if (process.execve === undefined)
    throw new Error(
      `starting hardened: this Node cannot replace its process; start it with ${HARDENED_FLAGS.join(' ')}`,
    );
  process.execve(process.execPath, [...start.args], { ...start.env });
}

const pick = ({ execPath, execArgv, argv }: NodeJS.Process) => ({ execPath, execArgv, argv });

/** Best effort: Node has no call for it, and the limit is inherited by the new start. */
function forbidCoreDumps(pid: number): void {
  try {
    execFileSync('prlimit', ['--core=0:0', '--pid', String(pid)], { stdio: 'ignore', timeout: 2000 });
  } catch {
    return;
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Ms } from '#core/time.ts';
import { type KeeperSettings, keeperArguments } from './arguments.ts';

const READY: Ms = 30_000;

const BUILT = !import.meta.filename.endsWith('.ts');

/**
 * It signs a handful of things a minute and waits: machine code and a large young generation would cost it more memory
 * than all that it holds. What is only interpreted needs no memory that can be written and executed, either.
 */
const SMALL: readonly string[] = ['--max-semi-space-size=1', '--single-threaded-gc', '--v8-pool-size=1'];
/** Takes WebAssembly away as well, which Node strips types with: only for what is built. */
const INTERPRETED: readonly string[] = ['--jitless', '--lite-mode'];

export interface SpawnedKeeper {
  readonly pid: number;
  /** Resolves when the process is gone, with its exit code (null: a signal). */
  readonly exited: Promise<number | null>;
  /** Asks it to end and waits. */
  stop(): Promise<void>;
}

/**
 * Starts the keeper as a process of its own and resolves when it listens. It holds the read end of a pipe from us: when
 * we die, however, it ends too.
 * With `hold`, its life keeps this process alive.
 */
export async function spawnKeeper(given: KeeperSettings, { hold = false } = {}): Promise<SpawnedKeeper> {
  const settings = absolute(given);
  for (const path of [settings.stateDir, dirname(settings.socket)]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const child = spawn(process.execPath, [...keeperFlags(settings), keeperMain(), ...keeperArguments(settings, true)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {},
  });
  const exited = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < 4096) said += text;
  });
  child.stdin.on('error', () => undefined);
  const ready = once(child.stdout, 'data', { signal: AbortSignal.timeout(READY) });
  const won = await Promise.race([
    ready.then(
      () => 'ready',
      () => 'silent',
    ),
    exited.then(() => 'gone'),
  ]);
  if (won !== 'ready' || child.pid === undefined) {
    child.kill('SIGKILL');
    throw new Error(
      `starting the keeper: ${won === 'silent' ? `no sign of life in ${READY} ms` : said.trim() || 'it ended'}`,
    );
  }
  if (!hold) {
    for (const handle of [child, child.stdin, child.stdout, child.stderr] as { unref?: () => void }[]) handle.unref?.();
  }
  return {
    pid: child.pid,
    exited,
    stop: async () => {
      child.stdin.end();
      const slow = setTimeout(() => child.kill('SIGKILL'), READY);
      await exited;
      clearTimeout(slow);
    },
  };
}

function absolute({ socket, caCert, caKey, stateDir, mode }: KeeperSettings): KeeperSettings {
  return { socket: resolve(socket), caCert: resolve(caCert), caKey: resolve(caKey), stateDir: resolve(stateDir), mode };
}

function keeperMain(): string {
  return join(import.meta.dirname, BUILT ? 'main.js' : 'main.ts');
}

/** The program's own, and its packages: what is built lies in a folder below them, or has some of its own. */
function codeFolders(): readonly string[] {
  const own = realpathSync(join(import.meta.dirname, '../..'));
  const above = join(own, '../node_modules');
  return existsSync(join(own, 'node_modules')) || !existsSync(above) ? [own] : [own, realpathSync(above)];
}

/**
 * Node's permission model as a seat belt: the keeper reads its keys and its code, writes its state and its socket, and
 * starts nothing. The network right is there for listening and is dropped right after.
 */
export function keeperFlags(settings: KeeperSettings): string[] {
  const reads = [...codeFolders(), settings.caCert, settings.caKey, settings.stateDir, dirname(settings.socket)];
  const writes = [settings.stateDir, dirname(settings.socket)];
  return [
    '--disable-sigusr1',
    '--disallow-code-generation-from-strings',
    '--no-addons',
    '--disable-proto=throw',
    '--disable-warning=ExperimentalWarning',
    ...SMALL,
    ...(BUILT ? INTERPRETED : []),
    '--permission',
    '--allow-net',
    ...reads.map((path) => `--allow-fs-read=${path}`),
    ...writes.map((path) => `--allow-fs-write=${path}`),
  ];
}

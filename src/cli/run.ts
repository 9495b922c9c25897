import { readFileSync } from 'node:fs';
import { ConfigError } from '#config/errors.ts';
import { loadConfig } from '#config/load.ts';
import { processTitle } from '#config/process-title.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import { KUBERNETES, VERSION } from '#core/release.ts';
import { startComptroller } from '../main.ts';

/** A second signal does not wait for the drain. */
const IMPATIENT = 130;

/** `comptroller run`, in a process that is hardened already, with upstream's flags. Exit codes are listed in README.md. */
export async function run(args: readonly string[]): Promise<void> {
  const command = readCommand(args);
  if (command === undefined) return;
  if (command.kind !== 'run') {
    process.stdout.write(
      command.kind === 'help' ? command.text : `comptroller ${VERSION} (Kubernetes ${KUBERNETES})\n`,
    );
    return;
  }
  process.title = processTitle(command.config);
  const comptroller = await startComptroller(command.config);
  let asked = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      asked += 1;
      if (asked > 1) process.exit(IMPATIENT);
      comptroller.stop();
    });
  }
  const ended = await comptroller.ended;
  // Whatever still holds the event loop (a lost answer's timer, an idle connection) is of no more use.
  process.exit(ended.code);
}

function readCommand(args: readonly string[]): ReturnType<typeof loadConfig> | undefined {
  try {
    return loadConfig(args, { readFile: (path) => readFileSync(path, 'utf8'), controllers: CONTROLLERS });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

import { readFileSync } from 'node:fs';
import { ConfigError } from '#config/errors.ts';
import { loadConfig } from '#config/load.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import { KUBERNETES } from '#core/release.ts';
import { examine, exitCodeOf } from '#doctor/examine.ts';
import { gather } from '#doctor/gather.ts';
import { findingsJson, findingsText } from './doctor-output.ts';
import { currentUser } from './kubeconfig-user.ts';
import { EXIT, print } from './ledger-options.ts';

const HELP = `Usage: comptroller doctor [flags of comptroller run] [options]

Checks an installation, and says what to do. It reads only: on this machine as the user that runs it, and at the API server
as nobody, or as the administrator that is given. Give it what comptroller run is given.

Options:
  --admin-kubeconfig <file>  whose current user may list roles, bindings, admission policies, flow schemas and leases;
                             its server is not asked. Without it, what is in the cluster stays unknown.
  -o, --output <format>      table (default) or json
  -h, --help                 shows this; comptroller run --help shows the other flags

Exit codes: 0 nothing is wrong (warnings and what nobody can see from here may be left), 1 something is wrong,
2 something could not be decided, or the flags are wrong.
`;

interface Asked {
  readonly help: boolean;
  readonly output: string;
  readonly admin?: string;
  readonly config?: string;
  /** What is left is for `run`'s own parser. */
  readonly rest: readonly string[];
}

/** `comptroller doctor`. */
export async function doctor(args: readonly string[]): Promise<void> {
  const asked = askedBy(args);
  if (asked.help) return print(HELP);
  if (asked.output !== 'table' && asked.output !== 'json') throw new Error('--output must be table or json');
  const config = configOf(asked.rest);
  if (config === undefined) return;
  const { admin } = asked;
  const facts = await gather({
    config,
    person: admin === undefined ? {} : currentUser(admin, '--admin-kubeconfig'),
    ...(asked.config !== undefined && { configFile: asked.config }),
    ...(admin !== undefined && { adminKubeconfig: admin }),
  });
  const findings = examine(facts, CONTROLLERS, KUBERNETES);
  await print(asked.output === 'json' ? findingsJson(findings) : findingsText(findings));
  process.exitCode = exitCodeOf(findings);
}

const OWN: ReadonlyMap<string, keyof Asked> = new Map([
  ['--admin-kubeconfig', 'admin'],
  ['--output', 'output'],
  ['-o', 'output'],
]);

/** Takes doctor's own options out; `--config` is looked at, and left in. */
export function askedBy(args: readonly string[]): Asked {
  const rest: string[] = [];
  const own = new Map<keyof Asked, string>();
  let help = false;
  for (let at = 0; at < args.length; at += 1) {
    const [name = '', ...value] = (args[at] ?? '').split('=');
    const option = OWN.get(name);
    const said = value.length > 0 ? value.join('=') : args[at + 1];
    if (option !== undefined && said === undefined) throw new Error(`${name}: it needs a value`);
    if (name === '--help' || name === '-h') help = true;
    else if (option === undefined) rest.push(args[at] ?? '');
    else {
      own.set(option, said as string);
      if (value.length === 0) at += 1;
    }
    if (name === '--config' && said !== undefined) own.set('config', said);
  }
  const [admin, config] = [own.get('admin'), own.get('config')];
  const output = own.get('output') ?? 'table';
  return { help, output, rest, ...(admin !== undefined && { admin }), ...(config !== undefined && { config }) };
}

function configOf(rest: readonly string[]) {
  try {
    const command = loadConfig(rest, { readFile: (path) => readFileSync(path, 'utf8'), controllers: CONTROLLERS });
    if (command.kind === 'run') return command.config;
    process.stdout.write(command.kind === 'help' ? command.text : HELP);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT.undecided;
  }
  return undefined;
}

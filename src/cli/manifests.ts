import { Command, Option } from 'commander';
import { CONTROLLERS } from '#controllers/registry.ts';
import { readGenerations } from '#identity/generations.ts';
import { renderManifests, SECTIONS, type Section, sectionOf, toYaml } from '#identity/manifests.ts';
import { DEFAULT_STATE_DIR, placesIn } from '#identity/places.ts';
import { NAMING_MODES, type NamingMode } from '#identity/profiles.ts';

interface Options {
  readonly mode: NamingMode;
  readonly only?: Section;
  readonly output: 'yaml' | 'json';
  readonly stateDir: string;
}

export function manifestsCommand(): Command {
  return new Command('comptroller manifests')
    .description(
      'Prints what Comptroller needs in a cluster, generated from the declarations: pipe it to kubectl apply -f -',
    )
    .addOption(
      new Option('--mode <mode>', 'names in the certificates').choices([...NAMING_MODES]).default('comptroller'),
    )
    .addOption(new Option('--only <section>', 'one section instead of all').choices([...SECTIONS]))
    .addOption(new Option('-o, --output <format>', 'format').choices(['yaml', 'json']).default('yaml'))
    .option('--state-dir <dir>', 'where the generations of revoked identities are read', DEFAULT_STATE_DIR)
    .action((options: Options) => void process.stdout.write(print(options)));
}

function print({ mode, only, output, stateDir }: Options): string {
  const generations = readGenerations(placesIn(stateDir).keeper);
  const files = renderManifests(CONTROLLERS, { mode, generations }).filter(
    (file) => only === undefined || sectionOf(file) === only,
  );
  if (output === 'yaml') return toYaml(files);
  const items = files.flatMap((file) => file.objects);
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
}

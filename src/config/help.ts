import type { Controller } from '#core/controller.ts';
import { DURATION_PATTERN } from './duration.ts';
import { type Flag, flagsOf, nodeAt } from './flags.ts';
import { configurationSchema } from './schema.ts';

const TYPES: ReadonlyMap<string, string> = new Map([
  ['array', 'list'],
  ['integer', 'integer'],
  ['number', 'number'],
]);

/** `--help`: flags by group, with their types and defaults, and the controllers that there are. */
export function helpText(controllers: readonly Controller[]): string {
  const schema = configurationSchema(controllers);
  const groups = Map.groupBy(flagsOf(controllers), ({ group }) => group);
  const parts = [...groups].map(([group, flags]) => {
    const rows = flags.map((flag) => rowOf(flag, schema));
    const width = Math.max(...rows.map(([left]) => left.length));
    return `${group} flags:\n${rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')}`;
  });
  const names = controllers.map(({ name, does }) => `  ${name}: ${does}`);
  return `Runs the cluster's controllers. Every write is judged, recorded and sent under its controller's own name.

Usage:
  comptroller run [flags]

${parts.join('\n\n')}

Controllers:
${names.join('\n')}
`;
}

function rowOf(flag: Flag, schema: unknown): readonly [string, string] {
  if (flag.at === undefined) return [`--${flag.name}${flag.name === 'config' ? ' text' : ''}`, flag.does ?? ''];
  const node = nodeAt(schema, flag.at);
  const type = node.type === 'boolean' ? '' : ` ${TYPES.get(node.type ?? '') ?? 'text'}`;
  const byDefault =
    node.default === undefined || String(node.default) === '' ? '' : ` (default ${String(node.default)})`;
  const note = flag.note === undefined ? '' : ` No effect: ${flag.note}.`;
  return [
    `--${flag.name}${node.pattern === DURATION_PATTERN ? ' duration' : type}`,
    `${node.description ?? ''}${note}${byDefault}`,
  ];
}

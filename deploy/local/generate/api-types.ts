/**
 * Writes `src/core/k8s/*.gen.ts` from the OpenAPI document that kube-apiserver serves (the same bytes lie in its Go
 * module): interfaces only, because objects stay raw JSON from the wire to the ledger, and a table of resources.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema;
  'x-kubernetes-group-version-kind'?: Gvk[];
}
interface Gvk {
  group: string;
  version: string;
  kind: string;
}
interface Operation {
  'x-kubernetes-action'?: string;
  'x-kubernetes-group-version-kind'?: Gvk;
}
interface Swagger {
  definitions: Record<string, Schema>;
  paths: Record<string, Record<string, Operation>>;
}

const root = join(import.meta.dirname, '../../..');
const goModule = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], {
  cwd: join(root, 'deploy/local/go/kubernetes'),
  encoding: 'utf8',
}).trim();
const swagger = JSON.parse(readFileSync(join(goModule, 'api/openapi-spec/swagger.json'), 'utf8')) as Swagger;

const OVERRIDES: Record<string, string> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'string | number',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'string | number',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'unknown',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'unknown',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch': 'unknown',
};

/** A stable version wins over a beta, a beta over an alpha, a higher number over a lower one. */
function rank(version: string): number {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return -1;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return stage * 10_000 + Number(match[1]) * 100 + Number(match[3] ?? 0);
}

interface Resource {
  group: string;
  version: string;
  kind: string;
  namespaced: boolean;
}

function collectResources(): Map<string, Resource> {
  const found = new Map<string, Resource>();
  for (const [path, operations] of Object.entries(swagger.paths)) {
    const match = /^\/(?:api|apis\/([^/]+))\/(v[^/]+)\/(namespaces\/\{namespace\}\/)?([a-z]+)(?:\/\{name\})?$/.exec(
      path,
    );
    const gvk =
      operations.post?.['x-kubernetes-group-version-kind'] ?? operations.get?.['x-kubernetes-group-version-kind'];
    if (match === null || gvk === undefined) continue;
    const group = match[1] ?? '';
    const id = `${group === '' ? 'core' : group}/${match[4]}`;
    const namespaced = match[3] !== undefined;
    const before = found.get(id);
    const kind = gvk.kind.replace(/List$/, '');
    if (before === undefined || rank(match[2] as string) > rank(before.version)) {
      found.set(id, {
        group,
        version: match[2] as string,
        kind,
        namespaced: namespaced || (before?.namespaced ?? false),
      });
    } else if (namespaced && before.version === match[2]) before.namespaced = true;
  }
  return found;
}

const resources = new Map([...collectResources()].sort(([a], [b]) => (a < b ? -1 : 1)));
const byGvk = new Map<string, string>();
for (const [name, schema] of Object.entries(swagger.definitions)) {
  for (const gvk of schema['x-kubernetes-group-version-kind'] ?? [])
    byGvk.set(`${gvk.group}/${gvk.version}/${gvk.kind}`, name);
}

const SHORT = new Map<string, string>();
function shortName(definition: string): string {
  const known = SHORT.get(definition);
  if (known !== undefined) return known;
  const parts = definition.split('.');
  const kind = parts.at(-1) as string;
  const taken = new Set(SHORT.values());
  const qualified = `${(parts.at(-3) ?? '').replace(/^./, (c) => c.toUpperCase())}${kind}`;
  const name = !taken.has(kind)
    ? kind
    : !taken.has(qualified)
      ? qualified
      : `${qualified}${(parts.at(-2) as string).replace(/^v/, 'V')}`;
  SHORT.set(definition, name);
  return name;
}

const queue: string[] = [];
const seen = new Set<string>();
function refer(definition: string): string {
  const override = OVERRIDES[definition];
  if (override !== undefined) return override;
  if (!seen.has(definition)) {
    seen.add(definition);
    queue.push(definition);
  }
  return shortName(definition);
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return refer(schema.$ref.replace('#/definitions/', ''));
  if (schema.type === 'array') return `readonly ${wrap(typeOf(schema.items ?? {}))}[]`;
  if (schema.type === 'object' && schema.additionalProperties !== undefined)
    return `{ readonly [key: string]: ${typeOf(schema.additionalProperties)} }`;
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'string' || schema.type === 'boolean') return schema.type;
  return 'unknown';
}
const wrap = (type: string): string => (type.includes(' ') ? `(${type})` : type);

function emit(definition: string): string {
  const schema = swagger.definitions[definition] as Schema;
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? key : JSON.stringify(key);
    return `  readonly ${name}${required.has(key) ? '' : '?'}: ${typeOf(value)};`;
  });
  if (schema.properties === undefined) return `export type ${shortName(definition)} = ${typeOf(schema)};`;
  return `export interface ${shortName(definition)} {\n${lines.join('\n')}\n}`;
}

// Kinds first, so that they get the short names.
const kinds: [string, string][] = [];
for (const [id, resource] of resources) {
  const definition = byGvk.get(`${resource.group}/${resource.version}/${resource.kind}`);
  if (definition === undefined) resources.delete(id);
  else kinds.push([id, refer(definition)]);
}
const bodies: string[] = [];
for (let next = queue.shift(); next !== undefined; next = queue.shift()) bodies.push(emit(next));

const header = "// Generated by `npm run gen` from kube-apiserver's OpenAPI document. Do not edit.\n\n";
writeFileSync(join(root, 'src/core/k8s/types.gen.ts'), `${header}${bodies.join('\n\n')}\n`);

const table = [...resources].map(
  ([id, r]) =>
    `  '${id}': { group: '${r.group}', version: '${r.version}', kind: '${r.kind}', namespaced: ${r.namespaced} },`,
);
const names = [...new Set(kinds.map(([, name]) => name))].sort();
writeFileSync(
  join(root, 'src/core/k8s/resources.gen.ts'),
  `${header}import type {\n${names.map((n) => `  ${n},`).join('\n')}\n} from './types.gen.ts';\n\n` +
    `/** The object type of each built-in resource, by \`<group>/<plural>\`. */\nexport interface Resources {\n${kinds.map(([id, name]) => `  '${id}': ${name};`).join('\n')}\n}\n\n` +
    `/** Preferred version, kind and scope of each built-in resource. */\nexport const RESOURCES = {\n${table.join('\n')}\n} as const;\n`,
);
console.log(`${kinds.length} resources, ${bodies.length} types`);

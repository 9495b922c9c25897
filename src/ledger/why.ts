import type { JsonObject } from '#core/json.ts';
import { resourceOfKind } from '#core/resource.ts';
import { isObject, itemsOf, objectOf, textOf } from './leaf.ts';
import { matchesNamed, matchesObject, type ObjectPattern } from './object-pattern.ts';
import { codeOf, outcomeOf, query, type Row, rulesOf, targetName } from './query.ts';
import type { LogDirectory } from './reader.ts';

/** Why an object is as it is: what was done or refused to it, and what it made others do. */
export interface Why {
  readonly object: ObjectPattern;
  /** Writes and denials about the object itself, oldest first. */
  readonly about: readonly Row[];
  readonly aboutCount: number;
  /** Writes and denials that its own reconciliation wished for other objects. */
  readonly because: readonly Row[];
  readonly becauseCount: number;
  /** From the object to its cause, to that one's cause, and so on. */
  readonly chain: readonly ChainLink[];
}

export interface ChainLink {
  readonly object: string;
  readonly by?: string;
  readonly reason?: string;
}

const KEPT = 200;
const MAX_CHAIN = 8;

/** Keeps the newest rows; every pass streams over the logs. */
export async function why(logs: readonly LogDirectory[], object: ObjectPattern): Promise<Why> {
  const about = new Newest();
  const because = new Newest();
  for await (const row of query(logs, {})) {
    if (matchesObject(object, targetName(row.leaf.data))) about.add(row);
    else if (triggeredBy(row, object)) because.add(row);
  }
  return {
    object,
    about: about.rows,
    aboutCount: about.count,
    because: because.rows,
    becauseCount: because.count,
    chain: await chainOf(logs, object, about.rows),
  };
}

class Newest {
  readonly rows: Row[] = [];
  count = 0;
  add(row: Row): void {
    this.count += 1;
    this.rows.push(row);
    if (this.rows.length > KEPT) this.rows.shift();
  }
}

function named(object: JsonObject | undefined): { apiVersion: string; kind: string; namespace: string; name: string } {
  const [apiVersion = '', kind = '', namespace = '', name = ''] = ['apiVersion', 'kind', 'namespace', 'name'].map(
    (key) => textOf(object, key),
  );
  return { apiVersion, kind, namespace, name };
}

function triggerOf({ leaf }: Row): JsonObject | undefined {
  return objectOf(objectOf(leaf.data, 'cause'), 'trigger');
}

function triggeredBy(row: Row, object: ObjectPattern): boolean {
  const trigger = triggerOf(row);
  return trigger !== undefined && matchesNamed(object, named(trigger));
}

const label = ({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string =>
  [kind, namespace, name].filter((part) => part !== '').join('/');

/** Follows the newest write's trigger; a trigger's own owners are known from the record, without another look. */
async function chainOf(
  logs: readonly LogDirectory[],
  object: ObjectPattern,
  about: readonly Row[],
): Promise<ChainLink[]> {
  const chain: ChainLink[] = [];
  let row = about.findLast((each) => triggerOf(each) !== undefined);
  let at = `${object.resources[0]?.split('/')[1]}/${object.namespace === '' ? '' : `${object.namespace}/`}${object.name}`;
  const seen = new Set<string>();
  while (row !== undefined && chain.length < MAX_CHAIN) {
    const { data } = row.leaf;
    const trigger = named(triggerOf(row));
    const by = textOf(data, 'controller');
    const reason = textOf(objectOf(data, 'cause'), 'reason');
    chain.push({ object: at, ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) });
    const owners = itemsOf(objectOf(data, 'cause'), 'owners').filter(isObject).map(named);
    at = label(trigger);
    if (seen.has(at)) return chain;
    seen.add(at);
    const next = await newestAbout(logs, trigger);
    if (next === undefined)
      return [...chain, { object: at }, ...owners.map((owner) => ({ object: label(owner) }))].slice(0, MAX_CHAIN);
    row = next;
  }
  return [...chain, { object: at }];
}

async function newestAbout(
  logs: readonly LogDirectory[],
  object: { apiVersion: string; kind: string; namespace: string; name: string },
): Promise<Row | undefined> {
  const resource = resourceOfKind(object.apiVersion, object.kind);
  if (resource === undefined) return undefined;
  const pattern = { resources: [resource], namespace: object.namespace, name: object.name };
  let newest: Row | undefined;
  for await (const row of query(logs, { object: pattern })) {
    const trigger = triggerOf(row);
    // A controller's writes to its own trigger explain nothing further.
    if (trigger !== undefined && !matchesNamed(pattern, named(trigger))) newest = row;
  }
  return newest;
}

/** One line for a person: when, who, what, why, what became of it. */
export function sentence(row: Row): string {
  const { leaf } = row;
  const { data } = leaf;
  const { resource, namespace, name } = targetName(data);
  const plural = resource.slice(resource.indexOf('/') + 1);
  const subresource = textOf(data, 'subresource');
  const object = [subresource === undefined ? plural : `${plural}.${subresource}`, namespace, name]
    .filter((part) => part !== '')
    .join('/');
  const cause = objectOf(data, 'cause');
  const trigger = named(objectOf(cause, 'trigger'));
  const for_ = trigger.name === '' ? '' : ` for ${label(trigger)}`;
  const what = `${leaf.time} ${textOf(data, 'controller')} ${textOf(data, 'verb')} ${object}: ${textOf(cause, 'reason')}${for_}`;
  const rules = rulesOf(row);
  const ruled = rules.length === 0 ? '' : `, rules ${rules.join(', ')}`;
  const repeats = row.repeats === 0 ? '' : `, ${row.repeats} more times`;
  const code = codeOf(row);
  if (leaf.type === 'denial') return `${what} -> denied ${code ?? ''}${ruled}${repeats}`;
  return `${what} -> ${outcomeOf(row)}${code === undefined ? '' : ` ${code}`}${ruled}`;
}

export function messagesOf({ leaf }: Row): readonly string[] {
  return itemsOf(leaf.data, 'messages').map((message) =>
    typeof message === 'string' ? message : (textOf(message as JsonObject, 'cut') ?? ''),
  );
}

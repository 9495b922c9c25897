import { ERRORS } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { resourceOfKind } from '#core/resource.ts';
import { isObject, itemsOf, numberOf, objectOf, textOf } from './leaf.ts';
import { matchesNamed, matchesObject, type ObjectPattern } from './object-pattern.ts';
import { codeOf, type Named, namedBy, outcomeOf, Query, type Row, rulesOf, targetName, triggerName } from './query.ts';
import type { ReadLog, ViewedLog } from './records-view.ts';

/** Equal writes (and equal refusals) told as one: who, what, why, by which decision, how often, from when to when. */
export interface Deed {
  readonly decision: 'allowed' | 'denied';
  /** `applied`, `conflict`, ..., `open`, `denied`. */
  readonly outcome: string;
  readonly controller: string;
  readonly user: string;
  readonly verb: string;
  /** `core/pods`, or `apps/replicasets/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly reason: string;
  readonly evidence: string;
  /** The object that was being reconciled. */
  readonly trigger: Named;
  readonly code?: string;
  readonly codeSays?: string;
  readonly rules: readonly Rule[];
  readonly bundle?: { readonly version: number; readonly digest: string };
  readonly decidedBy: string;
  /** What the rules said of the first one; redacted when it was recorded. */
  readonly messages: readonly string[];
  count: number;
  first: string;
  last: string;
  /** Of a denial: how many of its writes no later attempt was allowed. */
  standing?: number;
  /** The first few records, and the names that they are about. */
  readonly records: string[];
  readonly names: string[];
}

export interface Rule {
  readonly rule: string;
  readonly title?: string;
}

export interface ChainLink {
  readonly object: string;
  readonly by?: string;
  readonly reason?: string;
}

/** Why an object is as it is: what was done or refused to it, and what it made controllers do. */
export interface Why {
  readonly object: ObjectPattern;
  /** More than one where it was deleted and made again. */
  readonly uids: readonly string[];
  readonly about: readonly Deed[];
  readonly because: readonly Deed[];
  readonly counts: { readonly about: number; readonly because: number; readonly denied: number };
  /** From the object to its cause, to that one's cause, and so on. */
  readonly chain: readonly ChainLink[];
  readonly logs: readonly ReadLog[];
}

const MAX_DEEDS = 1000;
const MAX_SAMPLES = 5;
const MAX_WRITES = 10_000;
const MAX_UIDS = 16;
const MAX_CHAIN = 8;

/** Streams over the logs; keeps deeds, not records. */
export async function why(logs: readonly ViewedLog[], object: ObjectPattern): Promise<Why> {
  const story = new Story(object);
  const query = new Query(logs, {});
  for await (const row of query.rows()) story.add(row);
  const { about, because, uids, last } = story;
  const count = (deeds: readonly Deed[]): number => deeds.reduce((sum, deed) => sum + deed.count, 0);
  const denied = [...about.list, ...because.list].filter(({ decision }) => decision === 'denied');
  return {
    object,
    uids: [...uids],
    about: about.list,
    because: because.list,
    counts: { about: count(about.list), because: count(because.list), denied: count(denied) },
    chain: await chainOf(logs, object, last),
    logs: query.read,
  };
}

class Story {
  readonly about = new Deeds();
  readonly because = new Deeds();
  readonly uids = new Set<string>();
  /** The newest write about the object that another one caused. */
  last: Row | undefined;
  readonly #object: ObjectPattern;

  constructor(object: ObjectPattern) {
    this.#object = object;
  }

  add(row: Row): void {
    const { type, data } = row.leaf;
    if (type === 'denials') {
      this.about.repeat(row);
      this.because.repeat(row);
      return;
    }
    const trigger = triggerName(data);
    const caused = trigger.name !== '' && matchesNamed(this.#object, trigger);
    if (matchesObject(this.#object, targetName(data))) {
      this.about.add(row);
      this.#uid(textOf(data, 'uid') ?? textOf(row.outcome?.data, 'uid'));
      if (trigger.name !== '' && !caused) this.last = row;
    } else if (caused) {
      this.because.add(row);
    }
    if (caused) this.#uid(trigger.uid);
  }

  #uid(uid: string | undefined): void {
    if (uid !== undefined && uid !== '' && this.uids.size < MAX_UIDS) this.uids.add(uid);
  }
}

/** Groups rows. Beyond the bound of groups, new ones are left out: `query` lists every record. */
class Deeds {
  readonly list: Deed[] = [];
  readonly #known = new Map<string, Deed>();
  readonly #denied = new Map<string, Deed>();
  readonly #records = new Map<string, Deed>();

  add(row: Row): void {
    const deed = deedOf(row);
    const key = JSON.stringify([
      deed.decision,
      deed.outcome,
      deed.controller,
      deed.verb,
      deed.resource,
      deed.namespace,
      deed.reason,
      deed.code,
      deed.rules,
      deed.bundle?.version,
      deed.trigger.uid,
    ]);
    const known = this.#known.get(key);
    if (known === undefined && this.list.length >= MAX_DEEDS) return;
    const into = known ?? deed;
    if (known === undefined) {
      this.list.push(deed);
      this.#known.set(key, deed);
    }
    into.count += 1;
    into.last = row.leaf.time;
    const name = textOf(row.leaf.data, 'name');
    if (into.records.length < MAX_SAMPLES) into.records.push(idOf(row));
    if (name !== undefined && into.names.length < MAX_SAMPLES && !into.names.includes(name)) into.names.push(name);
    this.#standing(row, into);
  }

  #standing(row: Row, deed: Deed): void {
    const writeId = textOf(row.leaf.data, 'writeId') ?? '';
    const before = this.#denied.get(writeId);
    if (deed.decision === 'allowed') {
      if (before !== undefined) before.standing = (before.standing ?? 1) - 1;
      this.#denied.delete(writeId);
      return;
    }
    if (this.#records.size < MAX_WRITES) this.#records.set(`${row.log}-${row.leaf.seq}`, deed);
    if (before !== undefined) before.standing = (before.standing ?? 1) - 1;
    else if (this.#denied.size >= MAX_WRITES) return;
    this.#denied.set(writeId, deed);
    deed.standing = (deed.standing ?? 0) + 1;
  }

  /** Equal denials are one record and counted summaries. */
  repeat({ log, leaf: { data } }: Row): void {
    const deed = this.#records.get(`${log}-${numberOf(data, 'denial')}`);
    if (deed === undefined) return;
    deed.count += numberOf(data, 'count') ?? 0;
    const until = textOf(data, 'until');
    if (until !== undefined && until > deed.last) deed.last = until;
  }
}

export function idOf({ auditId, log, leaf }: Row): string {
  return auditId ?? `${log}-${leaf.seq}`;
}

/** One row told as a deed that was done once. */
export function deedOf(row: Row): Deed {
  const { type, data, time } = row.leaf;
  const { resource, namespace } = targetName(data);
  const subresource = textOf(data, 'subresource');
  const cause = objectOf(data, 'cause');
  const verdict = objectOf(data, 'verdict');
  const bundle = objectOf(verdict, 'bundle');
  const version = numberOf(bundle, 'version');
  const code = codeOf(row);
  const codeSays = code !== undefined && Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS].says : '';
  return {
    decision: type === 'intent' ? 'allowed' : 'denied',
    outcome: outcomeOf(row),
    controller: textOf(data, 'controller') ?? '',
    user: textOf(data, 'user') ?? '',
    verb: textOf(data, 'verb') ?? '',
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    reason: textOf(cause, 'reason') ?? '',
    evidence: textOf(cause, 'evidence') ?? '',
    trigger: triggerName(data),
    ...(code !== undefined && { code }),
    ...(codeSays !== '' && { codeSays }),
    rules: ruledBy(row),
    ...(version !== undefined && version > 0 && { bundle: { version, digest: textOf(bundle, 'digest') ?? '' } }),
    decidedBy: textOf(verdict, 'by') ?? 'the gate',
    messages: textsOf(data, 'messages'),
    count: 0,
    first: time,
    last: time,
    records: [],
    names: [],
  };
}

/** Titles stand beside the rules in the same order, where the record has them. */
function ruledBy({ leaf }: Row): Rule[] {
  const titles = itemsOf(leaf.data, 'titles');
  return rulesOf({ leaf }).map((rule, at) => {
    const title = titles[at];
    return { rule, ...(typeof title === 'string' && title !== '' && { title }) };
  });
}

function textsOf(data: JsonObject, key: string): string[] {
  return itemsOf(data, key).map((item) =>
    typeof item === 'string' ? item : isObject(item) ? `${textOf(item, 'cut') ?? ''}...` : '',
  );
}

export const nameOf = ({ kind, namespace, name }: Pick<Named, 'kind' | 'namespace' | 'name'>): string =>
  [kind, namespace, name].filter((part) => part !== '').join('/');

/** Follows the newest write's trigger; a trigger's own owners are known from the record, without another look. */
async function chainOf(
  logs: readonly ViewedLog[],
  object: ObjectPattern,
  last: Row | undefined,
): Promise<readonly ChainLink[]> {
  const chain: ChainLink[] = [];
  let row = last;
  let at = nameOf({ ...object, kind: object.resources[0]?.split('/')[1] ?? '' });
  const seen = new Set<string>();
  while (row !== undefined && chain.length < MAX_CHAIN) {
    const { data } = row.leaf;
    const trigger = triggerName(data);
    const by = textOf(data, 'controller');
    const reason = textOf(objectOf(data, 'cause'), 'reason');
    chain.push({ object: at, ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) });
    at = nameOf(trigger);
    if (seen.has(at)) return chain;
    seen.add(at);
    const owners = itemsOf(objectOf(data, 'cause'), 'owners').filter(isObject).map(namedBy);
    row = await newestAbout(logs, trigger);
    if (row === undefined)
      return [...chain, { object: at }, ...owners.map((owner) => ({ object: nameOf(owner) }))].slice(0, MAX_CHAIN);
  }
  return [...chain, { object: at }];
}

async function newestAbout(logs: readonly ViewedLog[], object: Named): Promise<Row | undefined> {
  const resource = resourceOfKind(object.apiVersion, object.kind);
  if (resource === undefined) return undefined;
  const pattern = { resources: [resource], namespace: object.namespace, name: object.name };
  let newest: Row | undefined;
  for await (const row of new Query(logs, { object: pattern }).rows()) {
    const trigger = triggerName(row.leaf.data);
    // A controller's writes to its own trigger explain nothing further.
    if (trigger.name !== '' && !matchesNamed(pattern, trigger)) newest = row;
  }
  return newest;
}

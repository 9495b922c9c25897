import { textOf } from '#ledger/leaf.ts';
import type { Audited } from './api-server.ts';
import { Violation } from './checks.ts';
import type { DurableIntent } from './disk.ts';
import type { World } from './world.ts';

/** I13: the ledgers of all machines and the API server's audit log tell the same story, one to one. */
export function join(world: World): void {
  const intents = new Map(world.machines.flatMap(({ disk }) => [...disk.intents]));
  const outcomes = new Map(world.machines.flatMap(({ disk }) => [...disk.outcomes]));
  const seen = new Map<string, Audited>();
  for (const event of world.server.audit) {
    const { auditId, method, resource, name } = event;
    if (seen.has(auditId)) throw new Violation(`I13: ${auditId} reached the server twice`);
    seen.set(auditId, event);
    const intent = intents.get(auditId);
    if (intent === undefined) throw new Violation(`I13: ${method} ${resource} ${name} is in no ledger`);
    agree(event, intent);
  }
  for (const [auditId, { data }] of outcomes) settledAs(auditId, String(data.kind), data.status, seen.get(auditId));
  for (const { disk } of world.machines) for (const { data } of disk.notes) resolved(data, seen, intents);
}

function agree({ auditId, user, resource, name }: Audited, { leaf: { data } }: DurableIntent): void {
  const told = `${textOf(data, 'user')} ${textOf(data, 'group') || 'core'}/${textOf(data, 'resource')} ${textOf(data, 'name')}`;
  const done = `${user} ${resource} ${name}`;
  // What was refused before it came to the object is known by its path alone.
  if (name !== '' && told !== done) throw new Violation(`I13: ${auditId} was recorded as ${told}, and done as ${done}`);
}

/** What the ledger says became of a write is what became of it. */
function settledAs(auditId: string, kind: string, status: unknown, event: Audited | undefined): void {
  const bad = (what: string): Violation => new Violation(`I13: the outcome of ${auditId} is ${kind}, but ${what}`);
  if (kind === 'unknown') return;
  if (kind === 'fenced' || kind === 'unsent') {
    if (event !== undefined) throw bad('it reached the server');
    return;
  }
  if (event === undefined) throw bad('it never reached the server');
  if (status !== event.code) throw bad(`the server answered ${event.code}`);
}

/** What recovery or the wait behind a lost answer found out. */
function resolved(
  data: DurableIntent['leaf']['data'],
  seen: ReadonlyMap<string, Audited>,
  intents: ReadonlyMap<string, DurableIntent>,
): void {
  if (data.note !== 'resolved') return;
  const auditId = textOf(data, 'auditId') ?? '';
  const event = seen.get(auditId);
  // That an object is gone was true, whoever deleted it.
  const isDeletion = intents.get(auditId)?.leaf.data.verb === 'delete';
  if (data.as === 'applied' && event?.done !== true && !isDeletion)
    throw new Violation(`${auditId} was resolved as applied, but was not done: ${textOf(data, 'how')}`);
  if (data.as === 'not-applied' && event?.done === true)
    throw new Violation(`${auditId} was resolved as not applied, but was done: ${textOf(data, 'how')}`);
}

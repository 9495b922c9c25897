import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Ms, seconds } from '#core/time.ts';
import type { DoorRequest, DoorResponse, Route } from '#doors/port.ts';
import type { Desk, Done } from './desk.ts';
import type { BreakerLimits } from './port.ts';
import type { Store } from './store.ts';
import { viewOf } from './view.ts';

export const DOOR_VERSION = 'comptroller.dev/breaker/v1';

export interface DoorParts {
  readonly desk: Desk;
  readonly store: Store;
  readonly limits: BreakerLimits;
  /** `undefined`: this process leads. Else who does, as far as it is known; empty for nobody. */
  readonly otherLeader: () => string | undefined;
}

const DEFAULT_EXPIRY_SECONDS = 3600;
const MAX_EXPIRY_SECONDS = 7 * 24 * 3600;

const word = {
  id: Type.String({ minLength: 1, maxLength: 64 }),
  reason: Type.String({ minLength: 1, maxLength: 700, pattern: '\\S' }),
};
const releaseBody = Type.Object(
  {
    ...word,
    count: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
    expirySeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_EXPIRY_SECONDS })),
  },
  { additionalProperties: false },
);
const rejectBody = Type.Object(word, { additionalProperties: false });

/** What each field must be, for whoever gave another. */
const SHAPES: Readonly<Record<string, string>> = {
  id: 'the id of a hold, as GET /breaker lists it',
  reason: 'why, in 1 to 700 characters: it goes into the ledger',
  count: 'the weight to let go, a number above 0 and up to 1000000; without it, what the hold asked for',
  expirySeconds: `whole seconds from 1 to ${MAX_EXPIRY_SECONDS}; ${DEFAULT_EXPIRY_SECONDS} by default`,
};

/**
 * The doors of the breaker, behind the guard that authenticates and asks the API server whether that person may `get`,
 * `release` or `reject` there. Only the leader opens: another replica says who that is.
 */
export function breakerRoutes(parts: DoorParts): readonly Route[] {
  const led =
    (handler: Route['handler']): Route['handler'] =>
    async (request) => {
      const other = parts.otherLeader();
      return other === undefined ? handler(request) : follower(other);
    };
  return [
    { method: 'GET', path: '/breaker', verb: 'get', handler: led(() => list(parts)) },
    { method: 'GET', path: '/breaker/holds', below: true, verb: 'get', handler: led((asked) => show(asked, parts)) },
    { method: 'POST', path: '/breaker/release', verb: 'release', handler: led((asked) => release(asked, parts)) },
    { method: 'POST', path: '/breaker/reject', verb: 'reject', handler: led((asked) => reject(asked, parts)) },
  ];
}

async function list({ store, limits, desk }: DoorParts): Promise<DoorResponse> {
  const books = await store.open();
  if (books === undefined) return unreadable();
  const holds = books.holds().map((hold) => viewOf(hold, desk.waiting(hold.id)));
  return json(200, { kind: 'list', limits, holds, grants: books.grants().map(instants) });
}

async function show({ path }: DoorRequest, { store, desk }: DoorParts): Promise<DoorResponse> {
  const books = await store.open();
  if (books === undefined) return unreadable();
  const hold = books.hold(path.slice('/breaker/holds/'.length));
  return hold === undefined ? unknown() : json(200, { kind: 'hold', hold: viewOf(hold, desk.waiting(hold.id)) });
}

async function release({ body, user }: DoorRequest, { desk }: DoorParts): Promise<DoorResponse> {
  const asked = read(releaseBody, body);
  if (typeof asked === 'string') return refused(400, asked);
  const { id, reason, count, expirySeconds = DEFAULT_EXPIRY_SECONDS } = asked;
  const by = personOf(user);
  if (by === undefined) return refused(400, 'the user: it has no name that can be recorded');
  const expiry: Ms = seconds(expirySeconds);
  return answer('released', await desk.release(id, reason, { by, expiry, ...(count !== undefined && { count }) }));
}

async function reject({ body, user }: DoorRequest, { desk }: DoorParts): Promise<DoorResponse> {
  const asked = read(rejectBody, body);
  if (typeof asked === 'string') return refused(400, asked);
  const by = personOf(user);
  if (by === undefined) return refused(400, 'the user: it has no name that can be recorded');
  return answer('rejected', await desk.reject(asked.id, by, asked.reason));
}

/** As the API server authenticated them. */
function personOf(user: DoorRequest['user']): string | undefined {
  const name = user?.name;
  return name === undefined || name === '' || name.length > 512 ? undefined : name;
}

/** The body, or what is wrong with it: field, shape and remedy, never its value. */
function read<T extends typeof releaseBody | typeof rejectBody>(schema: T, body: string): Static<T> | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'the body: it is not JSON; send an object with id and reason';
  }
  if (Value.Check(schema, value)) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'the body: it is not an object; send one with id and reason';
  const fields = value as Readonly<Record<string, unknown>>;
  const strange = Object.keys(fields).find((name) => !Object.hasOwn(schema.properties, name));
  if (strange !== undefined)
    return `${strange.slice(0, 64)}: there is no such field; the fields are ${Object.keys(schema.properties).join(', ')}`;
  for (const [name, shape] of Object.entries(schema.properties)) {
    const given = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const needed = name === 'id' || name === 'reason';
    if (given === undefined ? needed : !Value.Check(shape, given))
      return `${name}: it is ${given === undefined ? 'missing' : typeof given}; give ${SHAPES[name]}`;
  }
  return 'the body: it does not have the shape that is asked for';
}

function answer(kind: 'released' | 'rejected', done: Done): DoorResponse {
  if (done.ok) {
    const grant = done.grant === undefined ? {} : { grant: instants(done.grant) };
    return json(done.kept ? 200 : 202, { kind, kept: done.kept, hold: viewOf(done.hold, 0), ...grant });
  }
  switch (done.why) {
    case 'unknown':
      return unknown();
    case 'unreadable':
      return unreadable();
    case 'unrecorded':
      return refused(503, 'the ledger refused to record it, so nothing was done; see GET /readyz and try again');
    case 'too-little':
      return refused(
        400,
        `count: it is less than the ${done.weight} that the hold asks for, which go whole or not at all; give that or more, or leave it out`,
      );
    case 'unrejectable':
      return refused(409, 'id: no owner could end its rejection by a change; release it, or stop what caused it');
  }
}

const unknown = (): DoorResponse =>
  refused(
    404,
    'id: no hold has it; it was released or its owner changed, or it was never there; GET /breaker lists all',
  );
const unreadable = (): DoorResponse =>
  refused(503, "the breaker's state cannot be read, so nothing is deleted; see the log of this replica");
const follower = (holder: string): DoorResponse =>
  refused(
    503,
    holder === ''
      ? 'nobody leads now, as far as this replica knows; wait for one to take over, or ask another replica'
      : `this replica does not lead; ask ${holder.slice(0, 300)}`,
  );

function refused(status: number, error: string): DoorResponse {
  return json(status, { kind: 'error', error });
}

function json(status: number, body: object): DoorResponse {
  const text = `${JSON.stringify({ version: DOOR_VERSION, ...body }, undefined, 2)}\n`;
  return { status, contentType: 'application/json', body: text };
}

function instants<T extends { readonly until: Ms }>(grant: T) {
  return { ...grant, until: new Date(grant.until).toISOString() };
}

import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { canonical } from '#core/json.ts';
import type { Resource } from '#core/resource.ts';
import type { BooksState } from './books.ts';
import { MAX_HOLDS, MAX_SAMPLE, MAX_WIDE_HOLDS } from './holds.ts';
import type { Hold } from './port.ts';

/** A ConfigMap may hold a megabyte; half of it is ours. */
export const MAX_STATE_BYTES = 512 * 1024;

/** One for each reason, at most. */
const MAX_CLUSTER_HOLDS = 8;

const text = (maxLength: number) => Type.String({ maxLength });
const weight = Type.Number({ minimum: 0, maximum: 1e9 });
const time = Type.Number({ minimum: 0, maximum: 1e15 });
const generation = Type.Optional(Type.Integer({ minimum: 0 }));
const closed = { additionalProperties: false } as const;
const evidence = Type.Enum(['owner-deleted-seen', 'owner-terminating', 'namespace-terminating', 'absent']);

const root = Type.Object(
  {
    id: text(1024),
    ref: Type.Optional(
      Type.Object(
        {
          resource: Type.Unsafe<Resource>(Type.String({ maxLength: 512, pattern: '^[a-z0-9.-]+/[a-z0-9.-]+(@.+)?$' })),
          namespace: Type.Optional(text(253)),
          name: text(253),
          uid: Type.Optional(text(128)),
        },
        closed,
      ),
    ),
    generation,
    present: Type.Boolean(),
  },
  closed,
);

const hold = Type.Object(
  {
    id: text(64),
    scope: Type.Enum(['cause', 'namespace', 'cluster']),
    state: Type.Enum(['open', 'rejected']),
    reason: text(64),
    controller: text(128),
    root,
    namespace: Type.Optional(text(253)),
    weight,
    limit: weight,
    share: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    evidence,
    writes: weight,
    sample: Type.Array(text(600), { maxItems: MAX_SAMPLE }),
    at: time,
    by: Type.Optional(text(1024)),
    said: Type.Optional(text(1024)),
  },
  closed,
);

const grant = Type.Object(
  { hold: text(64), controller: text(128), root: text(1024), generation, left: weight, until: time, by: text(1024) },
  closed,
);

const tally = Type.Object(
  {
    side: Type.Enum(['bare', 'evident', 'rollout']),
    minute: weight,
    covered: weight,
    charged: weight,
    used: weight,
    has: Type.Optional(weight),
  },
  closed,
);
const account = Type.Object({ id: text(1024), tallies: Type.Array(tally, { maxItems: 64 }) }, closed);

const ofNamespace = Type.Object({ namespace: text(253), bare: weight, all: weight }, closed);
const minute = Type.Object(
  { minute: weight, bare: weight, all: weight, of: Type.Array(ofNamespace, { maxItems: 64 }) },
  closed,
);

const state = Type.Object(
  {
    v: Type.Literal(2),
    serial: Type.Integer({ minimum: 0 }),
    accounts: Type.Array(account, { maxItems: 5_000 }),
    holds: Type.Array(hold, { maxItems: MAX_HOLDS + MAX_WIDE_HOLDS + MAX_CLUSTER_HOLDS }),
    grants: Type.Array(grant, { maxItems: 1_000 }),
    window: Type.Array(minute, { maxItems: 64 }),
    heldAll: Type.Array(Type.Object({ reason: text(64), at: time }, closed), { maxItems: 8 }),
  },
  closed,
);

/** What `state.json` says; undefined for what it cannot say, which is also what another version of it says. */
export function parseState(json: string): BooksState | undefined {
  if (Buffer.byteLength(json) > MAX_STATE_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  return Value.Check(state, value) ? (value as unknown as BooksState) : undefined;
}

/** Canonical JSON that fits. What is shown goes first, then the smallest accounts; holds and grants are never left out. */
export function renderState(state: BooksState): string {
  for (const part of smallerAndSmaller(state)) {
    const json = canonical(part);
    if (Buffer.byteLength(json) <= MAX_STATE_BYTES) return json;
  }
  throw new TypeError('rendering a state of the breaker that does not fit');
}

function* smallerAndSmaller(state: BooksState): Generator<BooksState> {
  yield state;
  const cut = (count: number): readonly Hold[] =>
    state.holds.map((one) => ({ ...one, sample: one.sample.slice(0, count) }));
  yield { ...state, holds: cut(3) };
  const holds = cut(0);
  for (let kept = state.accounts.length; kept > 0; kept = Math.floor(kept / 2))
    yield { ...state, holds, accounts: state.accounts.slice(0, kept) };
  const brief = holds.map(({ said: _said, ...one }) => one);
  yield { ...state, holds: brief, accounts: [] };
}

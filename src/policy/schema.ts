import { type Static, type TSchema, Type } from 'typebox';
import type { Json, JsonObject } from '#core/json.ts';
import type { ApiObject } from '#core/resource.ts';

/** The contract's name, and the value of `version` in every input. */
export const INPUT_VERSION = 'comptroller.dev/policy/v1';

const text = (description: string) => Type.String({ description });
const whole = (description: string) => Type.Integer({ description, minimum: 0 });
const choice = <const T extends readonly string[]>(description: string, ...values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description });
const closed = { additionalProperties: false } as const;

const bundle = Type.Object(
  {
    version: whole('Counts up; a lower one than the highest seen is refused.'),
    digest: text('Lower-case hexadecimal SHA-256 of the manifest, which holds those of wasm and data.'),
  },
  { ...closed, description: 'The bundle that was in force when the input was made.' },
);

const objectName = (description: string) =>
  Type.Object(
    {
      apiVersion: text('Group and version, such as apps/v1; v1 for the core group.'),
      kind: text('Kind, such as ReplicaSet.'),
      namespace: Type.Optional(text('Absent for cluster-scoped objects.')),
      name: text('Name.'),
      uid: Type.Optional(text('UID, where it is known.')),
    },
    { ...closed, description },
  );

const apiObject = (description: string) =>
  Type.Unsafe<ApiObject>({
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', additionalProperties: true },
    },
    additionalProperties: true,
  });
const anyObject = (description: string) =>
  Type.Unsafe<JsonObject>({ type: 'object', additionalProperties: true, description });
const orNull = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description });

const fact = <T extends TSchema>(value: T, description: string) =>
  Type.Object(
    {
      value,
      source: choice('Where the fact comes from.', 'cache', 'live', 'computed'),
      resourceVersion: text('Of the object it was read from; empty when computed.'),
    },
    { ...closed, description },
  );

const write = Type.Object(
  {
    class: choice('`event` for Events, `self` for own certificates, `write` for all else.', 'write', 'event', 'self'),
    verb: choice('What is done.', 'create', 'update', 'patch', 'delete', 'deletecollection'),
    group: text('API group; empty for the core group.'),
    apiVersion: text('Group and version, such as apps/v1.'),
    kind: text('Kind, such as Pod.'),
    resource: text('Plural, such as pods.'),
    subresource: text('Such as status; empty for the object itself.'),
    namespace: text('Empty for cluster-scoped objects.'),
    name: text('Name; empty for a selection.'),
    uid: text('UID; empty for creations.'),
    propagation: text('Background, Foreground, Orphan, or empty.'),
    preconditions: Type.Object(
      {
        uid: Type.Optional(text('The uid that must still be there.')),
        resourceVersion: Type.Optional(text('The version that must still be there.')),
      },
      { ...closed, description: 'What the API server checks before it acts.' },
    ),
    selection: Type.Optional(
      Type.Object(
        {
          selector: text('Selectors of labels and fields, joined by a semicolon; empty selects all of the namespace.'),
          count: whole('How many objects the planner expects to be gone.'),
          protected: whole('How many of them are protected.'),
        },
        { ...closed, description: 'Of a deletecollection.' },
      ),
    ),
  },
  { ...closed, description: 'The request, as it will be sent.' },
);

const cause = Type.Object(
  {
    reason: text("The plan's stable reason, such as scale-up."),
    trigger: Type.Optional(objectName('The object being reconciled.')),
    owners: Type.Array(objectName('An owner.'), {
      description: "The trigger's own owners, nearest first; without a trigger, whose end is the cause.",
    }),
    evidence: choice(
      'What is known about the end of the owner.',
      'owner-deleted-seen',
      'owner-terminating',
      'namespace-terminating',
      'absent',
    ),
  },
  { ...closed, description: 'Why the controller wishes the write.' },
);

const image = Type.Object(
  {
    registry: text('Host of the registry.'),
    repository: text('Path in it.'),
    tag: text('Tag, or empty.'),
    digest: text('Digest, or empty.'),
  },
  { ...closed, description: 'One image, parsed.' },
);

const namespace = Type.Object(
  {
    name: text('Name.'),
    labels: anyObject('Labels. A tenant may write them: they may tighten a rule, never loosen it.'),
    phase: text('Active or Terminating.'),
    deletionTimestamp: Type.Optional(text('RFC 3339; absent while it is not being deleted.')),
  },
  { ...closed, description: 'The namespace that is written to.' },
);

const facts = Type.Object(
  {
    namespace: Type.Optional(fact(namespace, 'The namespace that is written to.')),
    owner: Type.Optional(
      fact(
        apiObject('Projected: metadata, and spec; its template only where an object with a template is created.'),
        'The object the write is for: the trigger.',
      ),
    ),
    desired: Type.Optional(fact(Type.Number({ description: 'Count.' }), 'How many the owner wishes.')),
    available: Type.Optional(fact(Type.Number({ description: 'Count.' }), 'How many are available.')),
    images: Type.Optional(fact(Type.Array(image, { description: 'Images.' }), 'The images of the pod.')),
    exceptions: Type.Optional(
      Type.Array(Type.Unsafe<Json>({ description: 'An exception.' }), {
        description: 'Exceptions in force that name this write.',
      }),
    ),
  },
  { ...closed, description: 'What the host parsed, because rules have no time, units or certificates.' },
);

/** The single source of the input contract: its JSON Schema is `policies/schema/input.v1.json`. */
export const InputSchema = Type.Object(
  {
    version: Type.Literal(INPUT_VERSION, { description: 'Name and version of this contract.' }),
    time: Type.Object(
      {
        rfc3339: text('When the input was made, UTC.'),
        weekday: text('Monday to Sunday.'),
        hour: Type.Integer({ description: 'Hour of the day.', minimum: 0, maximum: 23 }),
        zone: Type.Literal('UTC', { description: 'Always UTC.' }),
      },
      { ...closed, description: 'The time of the decision.' },
    ),
    mode: choice('`shadow` judges and records without sending.', 'enforce', 'shadow'),
    cluster: Type.Object({ name: text('As configured.') }, { ...closed, description: 'The cluster.' }),
    epoch: orNull(
      Type.Object(
        { lease: text('UID of the lease.'), transitions: whole('Changes of the holder.'), holder: text('The holder.') },
        closed,
      ),
      'The reign under which the write happens; null outside of one.',
    ),
    bundle,
    controller: Type.Object(
      {
        name: text('Canonical name, such as replicaset.'),
        identity: text('User name that the request goes out under.'),
      },
      { ...closed, description: 'Who wishes the write.' },
    ),
    write,
    object: orNull(apiObject('An object.'), 'The object as it will be; null for deletions.'),
    before: orNull(apiObject('An object.'), 'The object as cached; null when there is none.'),
    patch: orNull(anyObject('The body.'), 'The exact body of a patch; null for other verbs.'),
    partial: Type.Boolean({ description: 'True where object or before is a projection.' }),
    untracked: Type.Array(text('A JSON Pointer.'), {
      description: 'Paths that the projection dropped: no rule may read one.',
    }),
    cause,
    facts,
  },
  {
    ...closed,
    $id: 'https://comptroller.dev/schema/policy/input.v1.json',
    title: 'Input of a Comptroller policy decision',
  },
);

export type Input = Static<typeof InputSchema>;

/** The text of `policies/schema/input.v1.json`. */
export function inputSchemaText(): string {
  return `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...InputSchema }, null, 2)}\n`;
}

import fc from 'fast-check';
import type { JsonObject } from '#core/json.ts';
import type { LabelSelector, Pod } from '#core/k8s/types.gen.ts';
import type { Ms } from '#core/time.ts';

/** Instants of the drawn world. */
export const NOW: Ms = Date.parse('2026-03-01T12:00:00.250Z');

const KEYS = ['app', 'tier', 'constructor', 'toString', 'example.com/role', 'a_b.c'];
const VALUES = ['', 'web', 'front', 'x', 'hasOwnProperty'];
const ODD_KEYS = ['', ' ', 'a/b/c', '/a', 'A.b/c', 'a'.repeat(64), `${'p'.repeat(254)}/a`, '-a', 'ä'];
const ODD_VALUES = ['not valid', 'x'.repeat(64), '-x', 'x-', 'ä'];

export const drawLabels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), {
  noNullPrototype: true,
});

const mostly = <T>(usual: readonly T[], odd: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });

/** Selectors, most of them valid. */
export const drawSelector: fc.Arbitrary<LabelSelector> = fc.record(
  {
    matchLabels: fc.dictionary(mostly(KEYS, ODD_KEYS), mostly(VALUES, ODD_VALUES), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    matchExpressions: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: expression(['In', 'NotIn'], 1) },
        { weight: 8, arbitrary: expression(['Exists', 'DoesNotExist'], 0, 0) },
        { weight: 1, arbitrary: expression(['In', 'NotIn', 'Exists', 'DoesNotExist', 'in', 'Gt', ''], 0) },
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

function expression(operators: readonly string[], minLength: number, maxLength = 3) {
  return fc.record(
    {
      key: mostly(KEYS, ODD_KEYS),
      operator: fc.constantFrom(...operators),
      values: fc.array(mostly(VALUES, ODD_VALUES), { minLength, maxLength }),
    },
    { noNullPrototype: true },
  );
}

/** Ages around the powers of two of nanoseconds, few enough that pods share them; some lie in the future. */
const drawTime: fc.Arbitrary<string | undefined> = fc.option(
  fc
    .constantFrom(-30, 0, 1, 2, 3, 9, 10, 17, 18, 30, 60, 300, 549, 550, 3600, 3601, 86_400, 9_000_000)
    .map((age) => `${new Date(NOW - age * 1000).toISOString().slice(0, 19)}Z`),
  { nil: undefined, freq: 12 },
);

const drawCost = fc.constantFrom(undefined, undefined, undefined, '0', '-1', '10', '+10', '08', '2147483648', '-0', '');

const drawReady = fc.record({ status: fc.constantFrom('True', 'True', 'True', 'False', 'Unknown'), since: drawTime });

const drawRestarts = fc.record({ name: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 0, max: 2 }) });

/** Pods as upstream's code could meet them, for ranking and counting; their uids differ. */
export const drawPods: fc.Arbitrary<Pod[]> = fc
  .array(
    fc.record({
      node: fc.constantFrom('', 'n1', 'n1', 'n1', 'n2'),
      phase: fc.constantFrom('Running', 'Running', 'Running', 'Pending', 'Unknown', 'Succeeded', 'Failed', ''),
      ready: fc.option(drawReady, { freq: 6 }),
      created: drawTime,
      deleting: fc.option(fc.constant('2026-03-01T11:59:00Z'), { nil: undefined, freq: 1 }),
      cost: drawCost,
      regular: fc.array(drawRestarts, { maxLength: 2 }),
      init: fc.array(drawRestarts, { maxLength: 2 }),
      sidecars: fc.subarray(['a', 'b', 'c']),
      uid: fc.uuid(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((wishes) => wishes.map((wish, nth) => podFrom(wish, nth)));

interface Wish {
  readonly node: string;
  readonly phase: string;
  readonly ready: { readonly status: string; readonly since: string | undefined } | null;
  readonly created: string | undefined;
  readonly deleting: string | undefined;
  readonly cost: string | undefined;
  readonly regular: readonly Restarts[];
  readonly init: readonly Restarts[];
  readonly sidecars: readonly string[];
  readonly uid: string;
}
type Restarts = { readonly name: string; readonly count: number };

const statuses = (restarts: readonly Restarts[]) =>
  restarts.map(({ name, count }) => ({ name, restartCount: count, image: '', imageID: '', ready: true }));

function podFrom(
  { uid, created, deleting, cost, node, phase, ready, regular, init, sidecars }: Wish,
  nth: number,
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'default',
      name: `pod-${nth}`,
      uid: `${uid}-${nth}`,
      ...(created !== undefined && { creationTimestamp: created }),
      ...(deleting !== undefined && { deletionTimestamp: deleting }),
      ...(cost !== undefined && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: {
      containers: [],
      ...(node !== '' && { nodeName: node }),
      initContainers: sidecars.map((name) => ({ name, restartPolicy: 'Always' })),
    },
    status: {
      phase,
      ...(ready !== null && {
        conditions: [
          { type: 'Initialized', status: 'True' },
          {
            type: 'Ready',
            status: ready.status,
            ...(ready.since !== undefined && { lastTransitionTime: ready.since }),
          },
        ],
      }),
      containerStatuses: statuses(regular),
      initContainerStatuses: statuses(init),
    },
  };
}

/** Small trees of JSON whose keys collide and are hostile; nulls only inside lists, where merge patches can keep them. */
export const drawTree: fc.Arbitrary<JsonObject> = fc.letrec<{ tree: JsonObject; value: JsonObject[string] }>((tie) => ({
  tree: fc
    .array(fc.tuple(fc.constantFrom('a', 'b', 'constructor', '__proto__', 'toString', ''), tie('value')), {
      maxLength: 4,
    })
    .map((members) => Object.fromEntries(members) as JsonObject),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(1, 2, 'x', '', true, false),
    fc.array(fc.constantFrom(null, 1, 'x'), { maxLength: 2 }),
    tie('tree'),
  ),
})).tree;

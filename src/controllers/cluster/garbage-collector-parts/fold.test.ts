import { describe, expect, test } from 'vitest';
import type { ApiObject, Resource } from '#core/resource.ts';
import { follow, graphAfter, owner, SERVED, type Seen, START, textOf, thing, WIDGETS } from '#kit/graph.ts';
import { fold } from './fold.ts';
import { absentKey, type Graph } from './graph.ts';
import { asJson, type Learnt, learn } from './learn.ts';
import type { Identity, Node } from './node.ts';

const POD = 'core/pods';
const SET = 'apps/replicasets';
const NODE = 'core/nodes';
const set = thing(SET, 'web');
const pod = thing(POD, 'p', { ownerReferences: [owner(SET, 'web')] });
const ending = (object: ApiObject, finalizer: string): ApiObject => ({
  ...object,
  metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:30:00Z', finalizers: [finalizer] },
});
const blocking = thing(POD, 'p', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] });

interface Row {
  readonly seen: readonly Seen[];
  /** What the last transition wakes. */
  readonly wakes: readonly string[];
}

const ROWS: Readonly<Record<string, Row>> = {
  'an object without owners': { seen: [[SET, undefined, set]], wakes: [] },
  'an object of an owner that was not seen yet': { seen: [[POD, undefined, pod]], wakes: ['delete a/uid-web'] },
  'an object of an owner that is known': {
    seen: [
      [SET, undefined, set],
      [POD, undefined, pod],
    ],
    wakes: [],
  },
  'the owner, after its dependent': {
    seen: [
      [POD, undefined, pod],
      [SET, undefined, set],
    ],
    wakes: [],
  },
  'the end of an owner': {
    seen: [
      [SET, undefined, set],
      [POD, undefined, pod],
      [SET, set, undefined],
    ],
    wakes: ['delete a/uid-p'],
  },
  'the end of a dependent': {
    seen: [
      [SET, undefined, set],
      [POD, undefined, pod],
      [POD, pod, undefined],
    ],
    wakes: [],
  },
  'the end of what nobody knows': { seen: [[POD, pod, undefined]], wakes: [] },
  'the end of a dependent that its owner waits for': {
    seen: [
      [SET, undefined, ending(set, 'foregroundDeletion')],
      [POD, undefined, pod],
      [POD, pod, undefined],
    ],
    wakes: ['delete a/uid-web'],
  },
  'an owner that begins to end in the foreground': {
    seen: [
      [SET, undefined, set],
      [POD, undefined, pod],
      [SET, set, ending(set, 'foregroundDeletion')],
    ],
    wakes: ['delete a/uid-p', 'delete a/uid-web'],
  },
  'an owner that goes on ending in the foreground': {
    seen: [
      [SET, undefined, ending(set, 'foregroundDeletion')],
      [SET, ending(set, 'foregroundDeletion'), ending(set, 'foregroundDeletion')],
    ],
    wakes: [],
  },
  'an owner that is first seen as it ends and leaves its dependents behind': {
    seen: [[SET, undefined, ending(set, 'orphan')]],
    wakes: ['orphan a/uid-web'],
  },
  'a reference that no longer blocks': {
    seen: [
      [SET, undefined, ending(set, 'foregroundDeletion')],
      [POD, undefined, blocking],
      [POD, blocking, pod],
    ],
    wakes: ['delete a/uid-web'],
  },
  'a reference that is gone, another stays': {
    seen: [
      [SET, undefined, set],
      [NODE, undefined, thing(NODE, 'n')],
      [POD, undefined, thing(POD, 'p', { ownerReferences: [owner(SET, 'web'), owner(NODE, 'n')] })],
      [POD, undefined, thing(POD, 'p', { ownerReferences: [owner(NODE, 'n')] })],
    ],
    wakes: ['delete a/uid-p'],
  },
  'an owner of another namespace': {
    seen: [
      [SET, undefined, thing(SET, 'web', { namespace: 'b' })],
      [POD, undefined, pod],
    ],
    wakes: ['delete a/uid-p'],
  },
  'an owner that turns out to be in another namespace': {
    seen: [
      [POD, undefined, pod],
      [SET, undefined, thing(SET, 'web', { namespace: 'b' })],
    ],
    wakes: ['delete a/uid-p'],
  },
  'an owner by a wrong name': {
    seen: [
      [SET, undefined, set],
      [POD, undefined, thing(POD, 'p', { ownerReferences: [owner(SET, 'web', { name: 'api' })] })],
    ],
    wakes: ['delete a/uid-p'],
  },
  'an owner that goes by another name now': {
    seen: [
      [SET, undefined, set],
      [POD, undefined, pod],
      [POD, pod, thing(POD, 'p', { ownerReferences: [owner(SET, 'web', { name: 'api' })] })],
    ],
    wakes: ['delete a/uid-p', 'delete a/uid-p'],
  },
  'a cluster-scoped object of an owner that namespaced ones name as well': {
    seen: [
      [POD, undefined, pod],
      [NODE, undefined, thing(NODE, 'n', { ownerReferences: [owner(SET, 'web')] })],
    ],
    wakes: ['delete /uid-n'],
  },
  'a hostile uid': {
    seen: [[POD, undefined, thing(POD, 'p', { ownerReferences: [owner(SET, 'x', { uid: '__proto__/constructor' })] })]],
    wakes: ['delete a/__proto__/constructor'],
  },
};

describe('the graph of owners', () => {
  test.each(Object.entries(ROWS))('%s', (_, { seen, wakes }) => {
    expect(graphAfter(seen).woke.at(-1)).toEqual(wakes);
  });

  test('says who blocks and who is owned after every change', () => {
    const { graph } = graphAfter([
      [SET, undefined, set],
      [POD, undefined, pod],
      [POD, pod, thing(POD, 'p')],
    ]);
    expect(graph.nodes.get('uid-web')?.dependents.size).toBe(0);
  });
});

const identity = (name: string, namespace = 'a') => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  namespace,
  name,
  uid: 'uid-web',
});
const absent = (name: string, namespace?: string): Learnt => ({ kind: 'absent', identity: identity(name, namespace) });
const named = (pod: string, as: string) => thing(POD, pod, { ownerReferences: [owner(SET, 'web', { name: as })] });

describe('what runs find out', () => {
  const tell = (seen: readonly Seen[], ...learnt: readonly Learnt[]) => {
    const { graph } = graphAfter(seen);
    return { graph, woke: learnt.map((one) => textOf(learn(graph, asJson(one)))) };
  };

  test('an owner that is not there leaves its dependents without one', () => {
    const { graph, woke } = tell([[POD, undefined, pod]], absent('web'));
    expect(woke).toEqual([['delete a/uid-p']]);
    expect(graph.nodes.has('uid-web')).toBe(false);
  });

  test('an owner that dependents name differently is looked for under each name', () => {
    const seen: Seen[] = [
      [POD, undefined, named('p', 'web')],
      [POD, undefined, named('q', 'api')],
    ];
    const { graph, woke } = tell(seen, absent('web'), absent('api'));
    expect(woke).toEqual([
      ['delete a/uid-p', 'delete a/uid-web after 1000'],
      ['delete a/uid-q', 'delete a/uid-web after 1000'],
    ]);
    expect(graph.nodes.get('uid-web')?.identity.name).toBe('web');
  });

  test('of an owner that is there, absence under another name concerns those who gave it', () => {
    const seen: Seen[] = [
      [SET, undefined, set],
      [POD, undefined, pod],
      [POD, undefined, named('q', 'api')],
    ];
    const { graph, woke } = tell(seen, absent('api'), absent('web', 'b'));
    expect(woke).toEqual([['delete a/uid-q'], []]);
    expect(graph.nodes.has('uid-web')).toBe(true);
  });

  test('an object that is gone before its watch says so', () => {
    const seen: Seen[] = [
      [SET, undefined, set],
      [POD, undefined, pod],
    ];
    const { graph, woke } = tell(seen, absent('web'));
    expect(woke).toEqual([['delete a/uid-p']]);
    expect(textOf(learn(graph, asJson(absent('web'))))).toEqual([]);
  });

  test('an owner that can be nowhere is looked for where others name it', () => {
    const n = thing(NODE, 'n', { ownerReferences: [owner(SET, 'web')] });
    const { graph, woke } = graphAfter([
      [NODE, undefined, n],
      [POD, undefined, pod],
    ]);
    expect(woke.at(-1)).toEqual(['delete /uid-web', 'delete a/uid-p']);
    const misplaced: Learnt = { kind: 'misplaced', identity: identity('web', '') };
    expect(textOf(learn(graph, asJson(misplaced)))).toEqual(['delete a/uid-web']);
    // Where it is not, it is not looked for again.
    expect(textOf(learn(graph, asJson(absent('web'))))).toEqual(['delete a/uid-p', 'delete /uid-web after 1000']);
    expect(learn(graph, asJson(misplaced))).toEqual([]);
  });

  test('a kind that nobody knows is waited for until discovery tells something new', () => {
    const { graph } = tell([[POD, undefined, pod]], { kind: 'unknown-kind', key: 'a/uid-p' });
    expect(follow(graph, SERVED)).toEqual([]);
    const more: readonly Resource[] = [...SERVED, 'core/secrets'];
    expect(follow(graph, more)).toEqual(['delete a/uid-p']);
    expect(follow(graph, SERVED)).toEqual([]);
  });
});

describe('a resource that is watched no longer', () => {
  const NEXT: Resource = 'example.com/widgets@v3,Widget,namespaced';
  const others = SERVED.filter((one) => one !== WIDGETS);
  const renamed: readonly Resource[] = [...others, NEXT];
  const w = thing(WIDGETS, 'w', { ownerReferences: [owner(SET, 'web', { blockOwnerDeletion: true })] });
  const next: ApiObject = { ...w, apiVersion: 'example.com/v3' };
  const kept = (graph: Graph): readonly string[] =>
    [...(graph.nodes.get('uid-web')?.dependents ?? [])].map(
      ({ identity: { apiVersion, name } }) => `${apiVersion} ${name}`,
    );
  const known = (finalizer?: string): Graph =>
    graphAfter([
      [SET, undefined, finalizer === undefined ? set : ending(set, finalizer)],
      [WIDGETS, undefined, w],
      [POD, undefined, thing(POD, 'p', { ownerReferences: [owner(WIDGETS, 'w')] })],
    ]).graph;
  const at = (after: number) => ({ wall: START.wall + after, mono: START.mono + after });

  test('has its objects remembered until it is watched again, maybe in another version', () => {
    const graph = known();
    expect(follow(graph, others)).toEqual([]);
    expect(kept(graph)).toEqual(['example.com/v2 w']);
    expect(follow(graph, renamed, false)).toEqual([]);
    // Who named it by the version of before is looked at.
    expect(textOf(fold(graph, NEXT, undefined, next))).toEqual(['delete a/uid-p']);
    expect(kept(graph)).toEqual(['example.com/v3 w']);
    expect(follow(graph, renamed)).toEqual([]);
    expect(follow(graph, renamed, true, at(600_000))).toEqual([]);
  });

  test('has whoever waits for one of them looked at once that is seen again', () => {
    for (const [finalizer, woken] of [
      ['foregroundDeletion', 'delete a/uid-web'],
      ['orphan', 'orphan a/uid-web'],
    ] as const) {
      const graph = known(finalizer);
      follow(graph, others);
      follow(graph, SERVED, false);
      expect(textOf(fold(graph, WIDGETS, undefined, w))).toEqual([woken]);
    }
  });

  test('has those looked at that are not there when it is known again', () => {
    const graph = known('foregroundDeletion');
    expect(follow(graph, others)).toEqual([]);
    expect(follow(graph, renamed, false)).toEqual([]);
    expect(follow(graph, renamed)).toEqual(['delete a/uid-w']);
    expect(follow(graph, renamed)).toEqual([]);
    const identity = graph.nodes.get('uid-w')?.identity as Identity;
    expect(textOf(learn(graph, asJson({ kind: 'absent', identity })))).toEqual(['delete a/uid-p', 'delete a/uid-web']);
    expect(kept(graph)).toEqual([]);
    expect(graph.unseen.get('example.com/widgets')?.nodes.size ?? 0).toBe(0);
  });

  test('and is not served for minutes takes its objects with it; who waited for them goes on', () => {
    const graph = known('foregroundDeletion');
    fold(graph, WIDGETS, undefined, thing(WIDGETS, 'alone', { ownerReferences: [owner(SET, 'web')] }));
    expect(follow(graph, others)).toEqual([]);
    expect(follow(graph, others, true, at(299_999))).toEqual([]);
    expect(follow(graph, others, true, at(300_000))).toEqual([
      'delete a/uid-web',
      'delete a/uid-w',
      'delete a/uid-web',
    ]);
    expect([...graph.nodes.keys()].sort()).toEqual(['uid-p', 'uid-w', 'uid-web']);
    expect(kept(graph)).toEqual([]);
    expect(graph.unseen.size).toBe(0);
  });

  test('is waited for as long as it is served, though it cannot be listed', () => {
    const graph = known();
    follow(graph, others);
    follow(graph, renamed, false, at(299_999));
    follow(graph, renamed, false, at(900_000));
    follow(graph, others, true, at(900_001));
    expect(kept(graph)).toEqual(['example.com/v2 w']);
  });
});

describe('keys that wait for a kind', () => {
  const bogus = { kind: 'Unheard', apiVersion: 'example.org/v1' };

  test('are forgotten with the object (I15)', () => {
    const { graph } = graphAfter([]);
    for (let nth = 0; nth < 1000; nth++) {
      const one = thing(POD, `p${nth}`, { ownerReferences: [owner(SET, `o${nth}`, bogus)] });
      fold(graph, POD, undefined, one);
      for (const key of [`a/uid-p${nth}`, `a/uid-o${nth}`]) learn(graph, asJson({ kind: 'unknown-kind', key }));
      fold(graph, POD, one, undefined);
      learn(graph, asJson({ kind: 'unknown-kind', key: `a/uid-p${nth}` }));
    }
    expect([graph.nodes.size, graph.waiting.size]).toEqual([0, 0]);
  });
});

describe('an object with thousands of owners (I15)', () => {
  test('has none looked for that it names no longer', () => {
    const before = thing(POD, 'p', { ownerReferences: [owner(SET, 'one'), owner(SET, 'two')] });
    const other = thing(POD, 'q', { ownerReferences: [owner(SET, 'two')] });
    const after = thing(POD, 'p', { ownerReferences: [owner(SET, 'three')] });
    const seen: Seen[] = [
      [POD, undefined, before],
      [POD, undefined, other],
      [POD, before, after],
    ];
    expect([...graphAfter(seen).graph.nodes.keys()]).toEqual(['uid-p', 'uid-two', 'uid-q', 'uid-three']);
    expect([...graphAfter([...seen, [POD, other, undefined]]).graph.nodes.keys()]).toEqual(['uid-p', 'uid-three']);
  });

  test('costs a few looks for each owner that is gone, and goes with the last', () => {
    const names = Array.from({ length: 2000 }, (_, nth) => `gone-${nth}`);
    const owned = thing(POD, 'p', { ownerReferences: names.map((name) => owner(SET, name)) });
    const { graph } = graphAfter([[POD, undefined, owned]]);
    let looks = 0;
    const nodes = new (class extends Map<string, Node> {
      override get(uid: string): Node | undefined {
        looks += 1;
        return super.get(uid);
      }
    })(graph.nodes);
    const counted = { ...graph, nodes };
    const absent = (name: string): Learnt => ({
      kind: 'absent',
      identity: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'a', name, uid: `uid-${name}` },
    });
    for (const name of names) expect(textOf(learn(counted, asJson(absent(name))))).toEqual(['delete a/uid-p']);
    expect(looks).toBeLessThan(10 * names.length);
    expect([...nodes.keys()]).toEqual(['uid-p']);
    // Every one of them is known to be gone: none is looked for again.
    expect(names.filter((name) => graph.absent.get(absentKey(absentOf(absent(name)))) === true)).toEqual(names);
  });
});

const absentOf = (learnt: Learnt): Identity => {
  if (learnt.kind !== 'absent' && learnt.kind !== 'absent-owner') throw new TypeError('no identity');
  return learnt.identity;
};

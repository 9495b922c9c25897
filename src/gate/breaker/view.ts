import { rejectable } from './books.ts';
import type { Hold } from './port.ts';
import { percent, REASONS, rounded, sentence, subjectOf, untilWhen } from './words.ts';

/**
 * A hold as people and programs read it: the whole story, with times as RFC 3339 and the next step. `waiting`: keys that
 * have asked for it, of this leadership.
 */
export function viewOf(hold: Hold, waiting: number) {
  const { id, scope, state, reason, controller, root, namespace, weight, limit, share, evidence, writes, sample, at } =
    hold;
  return {
    id,
    state,
    scope,
    at: new Date(at).toISOString(),
    subject: subjectOf(hold),
    controller,
    root,
    ...(namespace !== undefined && { namespace }),
    reason,
    why: REASONS[reason] ?? reason,
    says: sentence(hold),
    weight: rounded(weight),
    limit: rounded(limit),
    ...(share !== undefined && { percent: percent(share) }),
    evidence,
    writes,
    waiting,
    sample,
    ...(hold.by !== undefined && { rejectedBy: hold.by, rejectedWhy: hold.said ?? '' }),
    next: nextOf(hold),
  };
}

/** What can be done, and what it does. Nothing of that sends what was planned: everything is planned anew. */
function nextOf(hold: Hold): readonly string[] {
  const { id, scope, namespace, weight } = hold;
  const release = `comptroller breaker release ${id} --reason ...   `;
  if (weight === 0) return [LOOK_FIRST, `${release}lets everything that takes something away go on, within its limits`];
  const once = `${release}lets that much go once, for this wish of it`;
  const anew = 'and the ten minutes begin anew';
  if (scope === 'cluster') return [`${once}; everything else goes on, ${anew}`];
  if (scope === 'namespace') return [`${once}; everything else of namespace ${namespace ?? ''} goes on, ${anew}`];
  if (!rejectable(hold)) return [once];
  const reject = `comptroller breaker reject ${id} --reason ...   keeps it refused until ${untilWhen(hold)}`;
  return [...mendOf(hold), once, reject];
}

const LOOK_FIRST =
  'look first: is what the API server shows now what should be there? what was deleted since the backup is there again, what was made since is not';

function mendOf({ root }: Hold): readonly string[] {
  if (!root.present)
    return [
      'take the references to it off, or delete what waits yourself: the hold ends by itself within a quarter of an hour',
    ];
  return root.generation === undefined ? [] : ['put the owner right: the hold is void as soon as its spec changes'];
}

import { rejectable } from './books.ts';
import type { Hold } from './port.ts';
import { percent, REASONS, rounded, sentence, subjectOf } from './words.ts';

/** A hold as people and programs read it: the whole story, with times as RFC 3339 and the next step. */
export function viewOf(hold: Hold) {
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
    sample,
    ...(hold.by !== undefined && { rejectedBy: hold.by, rejectedWhy: hold.said ?? '' }),
    next: nextOf(hold),
  };
}

function nextOf(hold: Hold): readonly string[] {
  const { id, scope, root, namespace } = hold;
  const release = `comptroller breaker release ${id} --reason ...   lets that much go once, for this wish of it`;
  if (scope === 'cluster') return [`${release}; everything else goes on`];
  if (scope === 'namespace') return [`${release}; everything else of namespace ${namespace ?? ''} goes on`];
  if (!rejectable(hold)) return [release];
  const mend =
    root.generation === undefined ? [] : ['put the owner right: the hold is void as soon as its spec changes'];
  return [...mend, release, `comptroller breaker reject ${id} --reason ...   keeps it refused until the owner changes`];
}

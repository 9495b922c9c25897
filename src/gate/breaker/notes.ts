import type { Hold } from './port.ts';
import { percent, rounded } from './words.ts';

/** Whose cause it is, as every record of the breaker names it. */
export function rootNote({ controller, root }: Hold): {
  controller: string;
  root: { id: string; resource?: string; namespace?: string; name?: string; generation?: number };
} {
  const { id, ref, generation } = root;
  return {
    controller,
    root: {
      id,
      ...(ref !== undefined && { resource: ref.resource, name: ref.name }),
      ...(ref?.namespace !== undefined && { namespace: ref.namespace }),
      ...(generation !== undefined && { generation }),
    },
  };
}

/** All that is known of a hold when it is made. */
export function holdNote(hold: Hold) {
  const { id, scope, reason, weight, limit, share, evidence, writes, sample } = hold;
  return {
    hold: id,
    ...rootNote(hold),
    scope,
    reason,
    weight: rounded(weight),
    limit: rounded(limit),
    ...(share !== undefined && { percent: percent(share) }),
    evidence,
    writes,
    sample,
  };
}

import type { Controller } from './controller.ts';

/**
 * The blast-radius breaker as an author of Events: of what it holds, whoever's object it is. It has no loop and no right
 * beside them; what it keeps of its own is written below policy, by an exact rule.
 */
export const BREAKER: Controller = {
  name: 'breaker',
  aliases: [],
  upstreamRole: '',
  does: 'Tells of what the blast-radius breaker holds and lets go.',
  rbac: [],
  events: true,
  loops: [],
};

import { getCondition } from '#core/condition.ts';
import type { Node } from '#core/k8s/types.gen.ts';

export function isNodeReady(node: Node): boolean {
  return getCondition(node.status?.conditions, 'Ready')?.status === 'True';
}

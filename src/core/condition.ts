import { formatTime, type Ms } from './time.ts';

/** What the conditions of most kinds have in common. */
export interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export function getCondition<C extends Condition>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * The conditions with this one added or replaced; replaced ones go last, as upstream puts them. The transition time
 * moves only with the status. The same array when nothing changes, so that no write is planned for it.
 */
export function setCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  condition: Omit<C, 'lastTransitionTime'>,
  wall: Ms,
): readonly C[] {
  const type = (condition as Condition).type ?? '';
  const current = getCondition(conditions, type);
  const unmoved = current !== undefined && current.status === (condition as Condition).status;
  const lastTransitionTime =
    unmoved && current.lastTransitionTime !== undefined ? current.lastTransitionTime : formatTime(wall);
  const next = { ...condition, lastTransitionTime } as unknown as C;
  if (unmoved && current.reason === next.reason && current.message === next.message) return conditions ?? [];
  return [...removeCondition(conditions, type), next];
}

/** The same array when there is none of that type. */
export function removeCondition<C extends Condition>(conditions: readonly C[] | undefined, type: string): readonly C[] {
  if (conditions === undefined) return [];
  return getCondition(conditions, type) === undefined ? conditions : conditions.filter((c) => c.type !== type);
}

import type { JsonObject } from '#core/json.ts';
import { numberOf, objectOf, textOf } from '#ledger/leaf.ts';

/** One line of what the breaker noted, for a person: who is held, let go or refused, by whom and why. */
export function breakerText(data: JsonObject): string | undefined {
  const kind = textOf(data, 'note');
  if (kind?.startsWith('breaker-') !== true) return undefined;
  const hold = textOf(data, 'hold') ?? '';
  const [by, said] = [textOf(data, 'by') ?? '', textOf(data, 'said') ?? '(cut; see the record)'];
  const what = `${hold} ${subjectOf(data)}`;
  switch (kind) {
    case 'breaker-trip':
      return `held ${what}: ${textOf(data, 'controller')} would take ${numberOf(data, 'weight')} of at most ${numberOf(data, 'limit')} (${textOf(data, 'reason')})`;
    case 'breaker-release':
      return `released ${what} by ${by}, up to ${numberOf(data, 'weight')}: ${said}`;
    case 'breaker-reject':
      return `rejected ${what} by ${by}: ${said}`;
    case 'breaker-void':
      return `void ${what}: ${textOf(data, 'why')}`;
    default:
      return undefined;
  }
}

function subjectOf(data: JsonObject): string {
  const root = objectOf(data, 'root');
  const [resource, name] = [textOf(root, 'resource'), textOf(root, 'name')];
  if (resource === undefined || name === undefined) return textOf(root, 'id') ?? '';
  const namespace = textOf(root, 'namespace');
  return `${resource} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

import type { Log } from '#telemetry/port.ts';
import type { Evaluator } from './port.ts';

/**
 * Begins once a bundle is in force. Who cannot judge refuses every write: it must not keep a replica that can from
 * leading.
 */
export function whenActive(
  { active, onActivation }: Pick<Evaluator, 'active' | 'onActivation'>,
  log: Log,
  begin: () => void,
): void {
  if (active() !== undefined) {
    begin();
    return;
  }
  log.warn('following only, until a policy bundle is in force');
  const stop = onActivation(() => {
    stop();
    begin();
  });
}

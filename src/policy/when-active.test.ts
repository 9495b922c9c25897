import { expect, test } from 'vitest';
import { recordingTelemetry } from '#kit/telemetry.ts';
import type { BundleId } from './port.ts';
import { whenActive } from './when-active.ts';

const BUNDLE: BundleId = { version: 1, digest: '0'.repeat(64) };

function evaluator(inForce: BundleId | undefined) {
  const listeners = new Set<(bundle: BundleId) => void>();
  return {
    active: () => inForce,
    onActivation: (listener: (bundle: BundleId) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    activate: () => {
      for (const listener of [...listeners]) listener(BUNDLE);
    },
  };
}

test('with a bundle it begins at once', () => {
  let begun = 0;
  const one = evaluator(BUNDLE);
  whenActive(one, recordingTelemetry().log, () => begun++);
  one.activate();
  expect(begun).toBe(1);
});

test('without one it begins with the first, once', () => {
  let begun = 0;
  const one = evaluator(undefined);
  whenActive(one, recordingTelemetry().log, () => begun++);
  expect(begun).toBe(0);
  one.activate();
  one.activate();
  expect(begun).toBe(1);
});

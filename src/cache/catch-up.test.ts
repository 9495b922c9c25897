import { expect, test } from 'vitest';
import { caughtUp } from './catch-up.ts';

/** What happens, in order, while history goes back at these steps. */
async function told(...goesBackAt: number[]): Promise<string[]> {
  const steps: string[] = [];
  let era = 0;
  const step = async (name: string): Promise<void> => {
    steps.push(`${name} in era ${era}`);
    if (goesBackAt.includes(steps.length)) era += 1;
  };
  const cache = { era: () => era, catchUp: () => step('catch up') };
  await caughtUp(cache, new AbortController().signal, () => step('meanwhile'));
  return steps;
}

test('one history needs one catching up', async () => {
  expect(await told()).toEqual(['catch up in era 0', 'meanwhile in era 0']);
});

test('I16: each era that begins in between needs another', async () => {
  expect(await told(2)).toEqual(['catch up in era 0', 'meanwhile in era 0', 'catch up in era 1']);
  expect(await told(1, 3)).toEqual([
    'catch up in era 0',
    'meanwhile in era 1',
    'catch up in era 1',
    'catch up in era 2',
  ]);
});

import type { Clock, Ms } from '#core/time.ts';

/** Waits for what is under way, and not longer than `limit`. */
export async function within(limit: Ms, clock: Clock, act: () => Promise<unknown> | undefined): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(limit, resolve);
  });
  await Promise.race([act() ?? Promise.resolve(), late]);
  cancel();
}

import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Ms } from '#core/time.ts';
import { BUNDLE_FILES } from './manifest.ts';

/** Files arrive one by one, or as a swapped link: wait until they rest. */
const REST: Ms = 250;
/** For file systems that tell of nothing, and directories that were replaced. */
const LOOK: Ms = 10_000;

/** Calls back when the files of a bundle are others than they were when this resolved. Resolves with the stopper. */
export async function watchBundle(directory: string, clock: Clock, onChange: () => void): Promise<() => void> {
  let stopped = false;
  let seen = await stampOf(directory);
  let cancelRest: () => void = () => {};
  let watcher = listen();

  function listen() {
    try {
      const fresh = watch(directory, { persistent: false }, settle);
      fresh.on('error', () => fresh.close());
      return fresh;
    } catch {
      return undefined;
    }
  }
  function settle(): void {
    cancelRest();
    if (!stopped) cancelRest = clock.after(REST, () => void look());
  }
  async function look(): Promise<void> {
    const now = await stampOf(directory);
    if (stopped || now === seen) return;
    seen = now;
    onChange();
  }
  let cancelLook = clock.after(LOOK, lookAgain);
  function lookAgain(): void {
    // A directory that was replaced has a new inode, which the old watcher does not see.
    watcher?.close();
    watcher = listen();
    void look();
    cancelLook = clock.after(LOOK, lookAgain);
  }
  return () => {
    stopped = true;
    cancelRest();
    cancelLook();
    watcher?.close();
  };
}

async function stampOf(directory: string): Promise<string> {
  const names = ['manifest.json', 'signatures.json', ...Object.keys(BUNDLE_FILES)];
  const stamps = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ ino, size, mtimeMs, ctimeMs }) => `${ino}.${size}.${mtimeMs}.${ctimeMs}`,
        () => 'absent',
      ),
    ),
  );
  return stamps.join(' ');
}

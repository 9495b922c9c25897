import type { Controller } from '#core/controller.ts';
import type { RunnerParts } from './ports.ts';
import { type Runner, startRunner } from './runner.ts';

/** The controllers of one leadership. */
export interface Reign {
  /** Wakes a key behind a lifted refusal: `controller|queue|key`, as the gate names it. */
  wake(address: string): void;
  /** The wall clock was set: keys that wait for a time look at it again. */
  hasten(): void;
  /** History went back: what was learned from it is forgotten, and every key runs again once `fresh` is there (I16). */
  restart(fresh: () => Promise<void>): Promise<void>;
  /** Takes no further key; resolves when none is under way. */
  stop(): Promise<void>;
  /** By controller, for health checks and tests. */
  idle(): boolean;
}

export function startReign(controllers: readonly Controller[], parts: RunnerParts): Reign {
  const begin = (): Map<string, Runner> =>
    new Map(controllers.map((controller) => [controller.name, startRunner(controller, parts)]));
  let runners = begin();
  let stopped = false;
  let changing: Promise<void> = Promise.resolve();

  const end = async (): Promise<void> => {
    await Promise.all([...runners.values()].map((runner) => runner.stop()));
  };

  return {
    wake(address) {
      const [controller = '', queue = '', ...key] = address.split('|');
      runners.get(controller)?.wake(queue, key.join('|'));
    },
    hasten() {
      for (const runner of runners.values()) runner.hasten();
    },
    restart(fresh) {
      changing = changing.then(async () => {
        if (stopped) return;
        await end();
        await fresh();
        if (!stopped) runners = begin();
      });
      return changing;
    },
    async stop() {
      stopped = true;
      await changing;
      await end();
    },
    idle: () => [...runners.values()].every((runner) => runner.idle()),
  };
}

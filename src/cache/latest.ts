/** Runs one at a time. Who comes while one runs shares the next: the running one may have read before. */
export function latest(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  const start = (): Promise<void> => {
    queued = undefined;
    const begun = task().finally(() => {
      if (running === begun) running = undefined;
    });
    running = begun;
    return begun;
  };
  return () => {
    if (running === undefined) return start();
    queued ??= running.then(start, start);
    return queued;
  };
}

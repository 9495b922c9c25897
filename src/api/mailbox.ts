/** A one-reader queue between a socket's callbacks and an async loop; the loop sees how it ended after all items. */
export interface Mailbox<T> extends AsyncIterable<T> {
  put(item: T): void;
  /** No more items; with an error the loop throws it at the end. */
  end(error?: Error): void;
  /** Items that wait. */
  depth(): number;
}

/** `drained` is called when the last waiting item was taken, `left` when the reader stops early. */
export function createMailbox<T>(drained: () => void, left: () => void): Mailbox<T> {
  let items: T[] = [];
  let at = 0;
  let ended = false;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const stir = (): void => {
    wake?.();
    wake = undefined;
  };

  const next = async (): Promise<IteratorResult<T>> => {
    for (;;) {
      if (at < items.length) {
        const value = items[at++] as T;
        if (at === items.length) {
          items = [];
          at = 0;
          drained();
        }
        return { done: false, value };
      }
      if (ended) {
        if (failure !== undefined) throw failure;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    put(item) {
      if (ended) return;
      items.push(item);
      stir();
    },
    end(error) {
      if (ended) return;
      ended = true;
      failure = error;
      stir();
    },
    depth: () => items.length - at,
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        left();
        return { done: true, value: undefined };
      },
    }),
  };
}

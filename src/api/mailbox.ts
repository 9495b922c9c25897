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
  let end: { readonly error: Error | undefined } | undefined;
  let wake = (): void => {};

  const take = (): IteratorResult<T> => {
    const value = items[at++] as T;
    if (at === items.length) {
      items = [];
      at = 0;
      drained();
    }
    return { done: false, value };
  };
  const next = async (): Promise<IteratorResult<T>> => {
    while (at === items.length) {
      if (end?.error !== undefined) throw end.error;
      if (end !== undefined) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return take();
  };
  const leave = async (): Promise<IteratorResult<T>> => {
    left();
    return { done: true, value: undefined };
  };
  return {
    put(item) {
      if (end !== undefined) return;
      items.push(item);
      wake();
    },
    end(error) {
      end ??= { error };
      wake();
    },
    depth: () => items.length - at,
    [Symbol.asyncIterator]: () => ({ next, return: leave }),
  };
}

/**
 * Several sources as one: whichever has something next. A source is asked for its next when its last was taken, so at most one of
 * each is kept here. Ends when all have ended; a failure of one ends all, and is thrown.
 */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const ready: Answer<T>[] = [];
  let wake = (): void => undefined;
  // A queue and not Promise.race, which would add to a source that says nothing for days with everything that the others say.
  const ask = (iterator: AsyncIterator<T>): void => {
    const answer = (given: Answer<T>): void => {
      ready.push(given);
      wake();
    };
    iterator.next().then(
      (result) => answer({ iterator, result }),
      (error: unknown) => answer({ error }),
    );
  };
  for (const iterator of iterators) ask(iterator);
  let running = iterators.length;
  try {
    while (running > 0) {
      const answer = ready.shift();
      if (answer === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if ('error' in answer) throw answer.error;
      else if (answer.result.done === true) running -= 1;
      else {
        yield answer.result.value;
        ask(answer.iterator);
      }
    }
  } finally {
    // A source that is waiting ends with its signal: nobody waits for it here.
    for (const iterator of iterators) iterator.return?.()?.catch(() => undefined);
  }
}

type Answer<T> = { iterator: AsyncIterator<T>; result: IteratorResult<T> } | { error: unknown };

/** The merged sources; when whoever reads them goes away, or one fails, the signal that they were given aborts. */
export async function* endingTogether<T>(
  signal: AbortSignal,
  open: (signal: AbortSignal) => readonly AsyncIterable<T>[],
): AsyncGenerator<T> {
  const over = new AbortController();
  try {
    yield* merge(open(AbortSignal.any([signal, over.signal])));
  } finally {
    over.abort();
  }
}

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * V8 lets the space of new objects grow to 16 MiB and more, and collects old ones when there are four times as many as were alive. The agent
 * makes few objects, so there it would only be memory taken from the trainer, for no CPU. Loading the program makes that space grow, and it
 * does not shrink again: to be called before.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=50');
}

/**
 * Collects all garbage now, which takes some 30 ms. V8's first collection of old objects comes only after minutes, when what a start has left
 * is a small part of the garbage; from the first one on it keeps to what is alive.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}

import type { Clock } from '../core/clock.ts';

/** Questions remembered at a time; the oldest go first. */
const answersMax = 64;
/** Below the page's polling interval, so that a poll never shows its own earlier answer. */
const freshMs = 500;

/**
 * Several tabs that poll the same question cost the index one answer: one that is being made, or is younger than half a
 * second, is given to all. A failure is not remembered.
 */
export function sharedAnswers(clock: Clock) {
  const answers = new Map<string, { askedMs: number; settled: boolean; answer: Promise<string> }>();
  return async (question: string, ask: () => Promise<string>): Promise<string> => {
    const held = answers.get(question);
    if (held !== undefined && (!held.settled || clock.monotonic() - held.askedMs < freshMs))
      return held.answer;
    for (const oldest of answers.keys()) {
      if (answers.size < answersMax) break;
      answers.delete(oldest);
    }
    const entry = { askedMs: clock.monotonic(), settled: false, answer: ask() };
    answers.delete(question);
    answers.set(question, entry);
    try {
      return await entry.answer;
    } catch (error) {
      if (answers.get(question) === entry) answers.delete(question);
      throw error;
    } finally {
      entry.settled = true;
    }
  };
}

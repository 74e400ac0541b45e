/** Rewritten files in the audit: each state is a stream, and a row's document belongs to the latest state that holds the row. */
import type { Subject } from './subjects.ts';

/** The states of each rewritten file, oldest first. */
export function statesByFile(subjects: readonly Subject[]): Map<string, Subject[]> {
  const files = new Map<string, Subject[]>();
  const states = subjects.filter(isState).sort((a, b) => createdOf(a) - createdOf(b));
  for (const state of states) {
    const key = `${state.run}\n${state.path}`;
    const known = files.get(key);
    if (known === undefined) files.set(key, [state]);
    else known.push(state);
  }
  return files;
}

export function isState({ state, document }: Subject): boolean {
  return document?.snapshot ?? state?.record.snapshot ?? false;
}

function createdOf({ state, document }: Subject): number {
  return document?.created ?? state?.record.created ?? 0;
}

export interface Later {
  /** A later state is known. */
  any: boolean;
  /** One of those is in the index, whole. */
  whole: boolean;
}

/** What has come after each state that is not the latest. */
export function laterStates(subjects: readonly Subject[]): Map<string, Later> {
  const later = new Map<string, Later>();
  for (const states of statesByFile(subjects).values()) {
    let whole = false;
    for (const [i, subject] of states.toReversed().entries()) {
      later.set(subject.stream, { any: i > 0, whole });
      whole ||= subject.document?.final === true && subject.document.gaps.length === 0;
    }
  }
  return later;
}

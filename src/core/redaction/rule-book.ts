import { rulesOf } from './mask.ts';
import type { Rules } from './mask.ts';

/** Where secrets are masked: before anything leaves the trainer's machine, in events only, or not at all. */
export const redactionPlaces = ['source', 'index', 'off'] as const;
export type RedactionPlace = (typeof redactionPlaces)[number];

/** What stands in a cut and in the header of its segment: where its secrets are masked, and by which rules. */
export interface Redaction {
  place: Exclude<RedactionPlace, 'off'>;
  version: string;
}

export const redactionPattern = /^(source|index):([1-9]\d{0,5}(?:\.[0-9a-f]{1,64})?)$/;

export function redactionText({ place, version }: Redaction): string {
  return `${place}:${version}`;
}

/** Null of a text that is none, as of an absent one: nothing is masked. */
export function readRedaction(text: string | undefined): Redaction | null {
  const [, place, version] = redactionPattern.exec(text ?? '') ?? [];
  return version === undefined ? null : { place: place === 'source' ? 'source' : 'index', version };
}

/** The rules of now, and those of before by which something was masked. */
export class RuleBook {
  readonly current: Rules;
  readonly #known: Map<string, Rules>;

  /** `patterns`: the user's of now. `kept`: earlier ones, by the version that they are part of. */
  constructor(patterns: readonly string[], kept: ReadonlyMap<string, readonly string[]> = new Map()) {
    this.current = rulesOf(patterns);
    const earlier = [...kept.values()].map((each) => rulesOf(each));
    this.#known = new Map([rulesOf([]), ...earlier, this.current].map((rules) => [rules.version, rules]));
  }

  /** Null: another Caboose's, or patterns that are not known here. */
  of(version: string): Rules | null {
    return this.#known.get(version) ?? null;
  }
}

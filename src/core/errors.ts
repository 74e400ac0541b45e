import { inspect } from 'node:util';

/**
 * The one error type of Caboose. An error is for the person who reads it: `message` says what went wrong and
 * where (file, line, key, address), `hint` says what to do, `retriable` says whether trying again can help.
 */
export class CabooseError extends Error {
  /** Stable, upper-case, for programs and tests: `CONFIG_INVALID`, `SEGMENT_CHECKSUM` … */
  readonly code: string;
  readonly retriable: boolean;
  readonly hint: string | undefined;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; hint?: string; retriable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CabooseError';
    this.code = code;
    this.retriable = options.retriable ?? false;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, with its causes, on one line. */
export function errorText(error: unknown): string {
  const parts: string[] = [];
  for (let e: unknown = error, depth = 0; e !== undefined && e !== null && depth < 5; depth += 1) {
    const text =
      e instanceof Error
        ? e.message || e.name
        : typeof e === 'string'
          ? e
          : inspect(e, { breakLength: Infinity });
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    e = e instanceof Error ? e.cause : undefined;
  }
  return parts.join(': ').replaceAll(/\s+/g, ' ');
}

/** The system's error code (`ENOENT`, `ECONNREFUSED` …) or a CabooseError's, if there is one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

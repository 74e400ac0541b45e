/** Where JSON loggers put exceptions and what they say in words: Python's (json-logger, structlog, loguru), pino and bunyan, ECS. */
import { wordNames } from '../../core/record-words.ts';
import type { RaisedException } from './tracebacks.ts';

const textNames = ['exc_info', 'exception', 'stack_trace', 'stack', 'traceback', 'text', ...wordNames];
const objectNames = ['record', 'error', 'err', 'exception'];
const exceptionsMax = 64;

export interface RecordTexts {
  texts: string[];
  /** Of a logger that takes exceptions apart (structlog's dict_tracebacks), the first raised one first. */
  exceptions: RaisedException[] | null;
}

export function recordTexts(fields: Record<string, unknown>): RecordTexts {
  const texts: string[] = [];
  for (const holder of [fields, ...objectNames.map((name) => fields[name])]) {
    if (typeof holder !== 'object' || holder === null) continue;
    for (const name of textNames) {
      const text = (holder as Record<string, unknown>)[name];
      if (typeof text === 'string') texts.push(text);
    }
  }
  return { texts, exceptions: exceptionsIn(fields['exception']) };
}

function exceptionsIn(value: unknown): RaisedException[] | null {
  if (!Array.isArray(value)) return null;
  const found: RaisedException[] = [];
  for (const entry of value.slice(0, exceptionsMax)) {
    const { exc_type: type, exc_value: message } = (entry ?? {}) as Record<string, unknown>;
    if (typeof type === 'string')
      found.unshift({ type, message: typeof message === 'string' ? message : '' });
  }
  return found.length === 0 ? null : found;
}

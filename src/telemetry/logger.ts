/**
 * The logger: JSON lines for programs, short coloured lines for a person at a terminal. A log line is a constant sentence
 * plus fields. ERROR = data lost or an operator needed; WARN = recovered.
 */
import { pino } from 'pino';
import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  level: LogLevel;
  /** Takes one whole line, with its line end. */
  write(line: string): void;
  /** Lines for a person instead of JSON. */
  pretty?: boolean;
  colour?: boolean;
  /** On every line. */
  fields?: Readonly<Record<string, unknown>>;
}

export function createLogger(options: LoggerOptions): Logger {
  const { level, pretty = false, colour = false, fields = {} } = options;
  return pino(
    {
      level,
      base: fields,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      // One line says all of it: what went wrong, why, and what to do.
      serializers: { error: errorFields, err: errorFields },
    },
    { write: (line: string) => options.write(pretty ? prettyLine(line, colour) : line) },
  );
}

function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
  return { code: errorCode(error), text: errorText(error), hint };
}

const colours: Record<string, number> = { debug: 90, info: 36, warn: 33, error: 31 };

/** `10:24:06 warn  the broker is away, waiting  to=127.0.0.1:9092 error="connect ECONNREFUSED"` */
export function prettyLine(line: string, colour: boolean): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const name = String(level).padEnd(5);
  const clock = String(time).slice(11, 19);
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`);
  const paint = (code: number, text: string) => (colour ? `\u001B[${code}m${text}\u001B[0m` : text);
  const head = `${paint(90, clock)} ${paint(colours[String(level)] ?? 0, name)} ${String(message)}`;
  return `${head}${shown.length > 0 ? `  ${paint(90, shown.join(' '))}` : ''}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'text' in value) {
    const { text, hint } = value as { text: string; hint?: string };
    const whole = hint === undefined ? text : `${text} (${hint})`;
    return JSON.stringify(whole);
  }
  if (typeof value === 'string') return /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

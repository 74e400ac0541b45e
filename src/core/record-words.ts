/**
 * Where JSON records have what they say in words: loggers' (Python's, structlog, pino, zap), and those of who passes lines on as records: Docker and Fluent Bit
 * (`log`), Google Cloud (`textPayload`), CloudWatch (`@message`), journald's JSON (`MESSAGE`), OpenTelemetry (`body`).
 */
export const wordNames: readonly string[] = [
  'message',
  'msg',
  'event',
  'log',
  'textPayload',
  '@message',
  'MESSAGE',
  'body',
];

/** Null: it says nothing in words. */
export function wordsIn(fields: Readonly<Record<string, unknown>>): string | null {
  for (const name of wordNames) {
    const value = fields[name];
    if (typeof value === 'string') return value;
  }
  return null;
}

import { expect, it } from 'vitest';
import { CabooseError } from '../../src/core/errors.ts';
import { createLogger, prettyLine, type LoggerOptions } from '../../src/telemetry/logger.ts';

function collect(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', write: (line) => void lines.push(line), ...options });
  return { logger, lines };
}

const error = new CabooseError('GONE', 'the broker is gone', {
  cause: new Error('ECONNREFUSED'),
  hint: 'start it',
});

it('writes JSON lines with level, time, fields and the constant sentence', () => {
  const { logger, lines } = collect({ fields: { command: 'agent' } });
  logger.debug({}, 'not told');
  logger.warn({ to: 'kafka', error }, 'waiting');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    command: 'agent',
    to: 'kafka',
    error: { code: 'GONE', text: 'the broker is gone: ECONNREFUSED', hint: 'start it' },
    message: 'waiting',
  });
});

it('writes lines for a person at a terminal', () => {
  const { logger, lines } = collect({ pretty: true });
  logger.error({ error, path: '/a b', n: 3 }, 'stopped');
  expect(lines[0]?.slice(9)).toBe(
    'error stopped  error="the broker is gone: ECONNREFUSED (start it)" path="/a b" n=3\n',
  );
});

it('colours only when asked', () => {
  const line = '{"level":"info","time":"2026-11-23T10:24:06.123Z","message":"m"}';
  expect(prettyLine(line, false)).toBe('10:24:06 info  m\n');
  expect(prettyLine(line, true)).toContain('\u001B[36minfo ');
});

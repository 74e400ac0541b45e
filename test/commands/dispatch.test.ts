import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/commands/dispatch.ts';
import { systemClock } from '../../src/core/clock.ts';
import { CabooseError } from '../../src/core/errors.ts';
import { KeptOutput } from './output.ts';

async function run(...args: string[]) {
  const stdout = new KeptOutput();
  const stderr = new KeptOutput();
  const code = await runCommandLine({
    args,
    stdout,
    stderr,
    env: { HOSTNAME: 'box' },
    cwd: '/nowhere',
    signal: new AbortController().signal,
    clock: systemClock,
    version: '1.2.3',
  });
  return { code, out: stdout.text, err: stderr.text };
}

describe('the command line', () => {
  it.each([[[]], [['--help']], [['help']], [['-h']]])('%j prints the commands', async (args) => {
    const { code, out, err } = await run(...args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^caboose 1\.2\.3:.*\n\nUsage: caboose COMMAND/);
  });

  it.each(['--version', '-V'])('%s prints the version alone', async (flag) => {
    expect(await run(flag)).toEqual({ code: 0, out: '1.2.3\n', err: '' });
  });

  it.each([[['cat', '--help']], [['--help', 'cat']], [['help', 'cat']], [['cat', '-h', '--follow']]])(
    '%j prints the help of one',
    async (args) => {
      const { code, out } = await run(...args);
      expect(code).toBe(0);
      expect(out).toMatch(/^Usage: caboose cat RUN/);
      expect(out).toContain('--follow');
      expect(out).toContain('--config FILE');
    },
  );

  it.each([
    [['serach', 'x'], 'there is no command "serach"\n  hint: did you mean "search"?'],
    [['frobnicate'], 'hint: `caboose help` lists the commands'],
    [['search', '--limti', '3'], 'unknown option --limti\n  hint: did you mean "--limit"?'],
    [['--confg', 'x'], 'there is no command "x"'],
    [['--confg'], 'unknown option --confg\n  hint: did you mean "--config"?'],
    [['search', '-nan'], 'hint: put -- before an argument that starts with "-"'],
    [['cat', 'x', '--since'], '--since needs a value: --since TIME'],
    [['cat', '--since', '--json'], 'if "--json" is meant, write --since=--json'],
    [['cat', '--follow=yes'], '--follow takes no value'],
    [['search', '--rank', 'two'], '--rank: "two" is not a whole number from 0 on'],
    [['search', '--since', 'yesterday'], '--since: "yesterday" is no time'],
    [['search', '--limit', '99999999'], '--limit: at most'],
    [['search', '--level', 'eror'], 'did you mean "error"?'],
    [['search', 'rnak:1'], 'there is no field "rnak"'],
    [['cat'], 'give one RUN, STREAM or FILE'],
    [['search', '-c', 'missing.yaml'], 'cannot read the config missing.yaml: there is no such file'],
    [['runs', '--listen', 'here'], 'http.listen: must be HOST:PORT'],
    [['validate'], 'no file was given'],
    [['why'], 'why: of what?'],
    [['top', '--every', '0'], '--every: "0" is not a whole number from 1 on'],
    [['dead-letters'], 'dead-letters needs list or replay'],
    [['dead-letters', 'lits'], 'did you mean "list"?'],
    [['dead-letters', 'replay'], 'dead-letters replay: which?'],
    [['dead-letters', 'list', '--kind', 'documnet'], 'did you mean "document"?'],
    [['audit', 'a', 'b'], 'audit takes one RUN'],
  ])('%j is the caller’s to mend: exit code 2', async (args, expected) => {
    const { code, out, err } = await run(...args);
    expect(err).toContain(expected);
    expect(err).toMatch(/^caboose: /);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});

describe('errors', () => {
  async function failing(thrown: unknown) {
    const failure = async () => await Promise.reject(thrown);
    const stderr = new KeptOutput();
    const stdout = { isTerminal: false, columns: 80, rows: 24, write: failure };
    const code = await runCommandLine({
      args: ['help'],
      stdout,
      stderr,
      env: {},
      cwd: '/',
      signal: new AbortController().signal,
      clock: systemClock,
      version: '',
    });
    return { code, err: stderr.text };
  }

  it('at run time end as 3, in one line with a hint', async () => {
    const error = new CabooseError('BROKEN', 'it broke', {
      cause: new Error('deep\nreason'),
      hint: 'mend it',
    });
    expect(await failing(error)).toEqual({
      code: 3,
      err: 'caboose: it broke: deep reason [BROKEN]\n  hint: mend it\n',
    });
  });

  it('that nobody foresaw say where', async () => {
    const { code, err } = await failing(new TypeError('x is undefined'));
    expect(code).toBe(3);
    expect(err).toMatch(
      /^caboose: unexpected: x is undefined \(at .*dispatch\.test\.ts:\d+:\d+\)\n {2}hint: /,
    );
  });

  it('of a reader that is gone are none', async () => {
    expect(await failing(new CabooseError('OUTPUT_CLOSED', 'gone'))).toEqual({ code: 0, err: '' });
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../src/core/clock.ts';
import { silentLogger } from '../src/core/logger.ts';
import { createLocalIndex } from '../src/sinks/local/index.ts';
import { until } from './fakes/clock.ts';

const main = resolve('src/main.ts');
let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'caboose-main-'))));
afterAll(async () => await rm(dir, { recursive: true }));

function caboose(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: dir,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('the process', () => {
  it('prints its version and ends with 0', () => {
    expect(caboose('--version')).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  });

  it('ends with 2 on a usage error, which is told on stderr', () => {
    expect(caboose('serach')).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('did you mean "search"?'),
    });
  });

  it('validates a file, all errors at once, also as JSON', async () => {
    const file = join(dir, 'bad.yaml');
    await writeFile(file, 'transport:\n  kafka: { brokes: 1 }\nlogLevel: loud\n');
    const { status, stdout } = caboose('validate', file);
    expect(status).toBe(2);
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stdout).toContain(`${file}:2:12: transport.kafka.brokes: unknown key; did you mean "brokers"?`);
    const { problems, valid } = JSON.parse(caboose('validate', file, '--json').stdout) as {
      problems: unknown[];
      valid: boolean;
    };
    expect({ valid, count: problems.length }).toEqual({ valid: false, count: 3 });
  });

  it('ends when its output is taken, however late', async () => {
    // More than a pipe holds, and the rest less than a stream asks to wait for; stderr says when all of it is written.
    const records = Array.from({ length: 1_200 }, (_, step) => `{"step": ${step}, "loss": 1.5}\n`);
    await writeFile(join(dir, 'long.jsonl'), records.join(''));
    await writeFile(join(dir, 'again.log'), 'step 1: loss=1.50\n');
    // The reader of the pipe makes some room, and goes on when it is told to.
    const script = 'exec 3<&0; "$@" </dev/null | { head -c 8192; read -r go <&3; cat; }';
    const command = [process.execPath, main, 'points', 'long.jsonl', 'again.log'];
    const child = spawn('sh', ['-c', script, 'sh', ...command], { cwd: dir });
    await once(child.stderr, 'data');
    child.stdin.end('go\n');
    child.stdout.setEncoding('utf8');
    let out = '';
    for await (const chunk of child.stdout) out += String(chunk);
    expect(out.length).toBeGreaterThan(65_536 + 4_096);
    expect(out.length).toBeLessThan(2 * 65_536);
    expect(out.trimEnd().split('\n')).toHaveLength(1_200);
  });

  it('takes HOSTNAME from the system when no one exports it', async () => {
    const file = join(dir, 'host.yaml');
    await writeFile(file, 'source: { id: "${HOSTNAME}", include: [a] }\ntransport: { local: {} }\n');
    expect(caboose('validate', file, '--for', 'agent')).toMatchObject({
      status: 0,
      stdout: `${file}: valid\n`,
    });
  });

  it('takes no offence when the reader of its output leaves', async () => {
    const child = spawn(process.execPath, [main, 'help'], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((done) => void child.on('close', done));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('follows until SIGTERM, and then ends with 0', async () => {
    await storeOneEvent(join(dir, 'caboose-data/index'));
    const child = spawn(process.execPath, [main, 'search', '--follow', '--json'], {
      cwd: dir,
      stdio: 'pipe',
    });
    const done = new Promise((exited) => void child.on('close', (code, signal) => exited({ code, signal })));
    const [hit] = (await once(child.stdout, 'data')) as [Buffer];
    expect(JSON.parse(hit.toString())).toMatchObject({ run: 'r', message: 'step 1 done' });
    child.kill('SIGTERM');
    expect(await done).toEqual({ code: 0, signal: null });
  });

  it.skipIf(process.platform !== 'linux')('as an agent has nice 19 in all its threads', async () => {
    const file = join(dir, 'agent.yaml');
    const config = { source: { id: 's', include: [join(dir, '*.log')] }, transport: { local: { dir: 't' } } };
    await writeFile(file, JSON.stringify({ ...config, http: { listen: '127.0.0.1:0' } }));
    await writeFile(join(dir, 'shipped.log'), 'a line\n');
    const child = spawn(process.execPath, [main, 'agent', '--config', file], { cwd: dir, stdio: 'pipe' });
    const done = once(child, 'close');
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      const tasks = `/proc/${child.pid}/task`;
      // proc_pid_stat(5): the 19th field; the second one, in parentheses, is the name.
      const niceOf = async (thread: string): Promise<string | undefined> => {
        const stat = await readFile(`${tasks}/${thread}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16];
      };
      const niceness = async () => await Promise.all((await readdir(tasks)).map(niceOf));
      await until(() => log.includes('"following"'), 'it follows');
      await until(async () => (await niceness()).every((nice) => nice === '19'), 'it has shipped something');
      expect((await niceness()).length).toBeGreaterThan(4);
    } finally {
      child.kill('SIGTERM');
      await done;
    }
  });

  it('says what is wrong on an old Node, before anything else is loaded', () => {
    // Stands for an old runtime: the version is what main.ts looks at.
    const script = `Object.defineProperty(process.versions, 'node', { value: '18.20.0' }); await import(${JSON.stringify(main)});`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^caboose: needs Node 24 or later/),
    });
  });
});

async function storeOneEvent(path: string): Promise<void> {
  const index = createLocalIndex({ dir: path, clock: systemClock, logger: silentLogger });
  const origin = { source: 's', run: 'r', attempt: 0, rank: 0, host: 'h', path: '/l', labels: {} };
  const event = {
    id: 'e'.repeat(32),
    stream: 'a'.repeat(32),
    origin,
    start: 0,
    end: 12,
    part: 0,
    time: Date.now(),
    timeSource: 'observed',
    observed: Date.now(),
    level: 'info',
    kind: 'line',
    message: 'step 1 done',
    rank: 0,
    sum: '00000000',
    open: false,
  } as const;
  await index.prepare();
  await index.write([{ kind: 'event', event }], new AbortController().signal);
  await index.close();
}

/** Files that are written anew as a whole: a stream for each state that stands still, none torn, none twice. */
import { mkdir, appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TailHarness } from './harness.ts';

const patterns = ['**/*.json', '**/*.csv'];
const state = (rows: number, more = '') =>
  `{"log_history": [${Array.from({ length: rows }, (_, i) => `{"step": ${i}}`).join(', ')}]${more}}`;

async function started(files: Record<string, string>): Promise<TailHarness> {
  const t = await TailHarness.create();
  await mkdir(t.logs, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(t.path(name), text);
  await t.start(patterns);
  return t;
}

const texts = (t: TailHarness, name: string) => t.publisher.of(name).map(({ bytes }) => bytes.toString());

describe('Snapshots', () => {
  it('ships a state when two looks find it the same, each as a stream that is final and linked', async () => {
    await using t = await started({ 'state.json': state(1) });
    expect(texts(t, 'state.json')).toEqual([]);
    await t.pass(500);
    expect(texts(t, 'state.json')).toEqual([state(1)]);
    await writeFile(t.path('state.json'), state(2));
    await t.pass(5000);
    const [first, second] = t.publisher.of('state.json');
    expect(second?.bytes.toString()).toBe(state(2));
    expect(second?.first).toMatchObject({
      snapshot: true,
      final: true,
      start: 0,
      previous: first?.first.stream,
    });
    expect(second?.first.created).toBeGreaterThan(first?.first.created ?? Infinity);
  });

  it('knows a file that is replaced by a rename as the same, and does not ship the same content twice', async () => {
    await using t = await started({ 'state.json': state(1) });
    await t.pass(1000);
    for (const rows of [1, 2, 2]) {
      await writeFile(t.path('state.tmp'), state(rows));
      await rename(t.path('state.tmp'), t.path('state.json'));
      await t.pass(5000);
    }
    expect(texts(t, 'state.json')).toEqual([state(1), state(2)]);
  });

  it('ships a state that comes back as a new one', async () => {
    await using t = await started({ 'state.json': state(1) });
    for (const rows of [1, 2, 1]) {
      await writeFile(t.path('state.json'), state(rows));
      await t.pass(5000);
    }
    expect(texts(t, 'state.json')).toEqual([state(1), state(2), state(1)]);
    expect(t.publisher.streams.size).toBe(3);
  });

  it('never ships a state that is being written, and a changing one at most every two seconds', async () => {
    await using t = await started({ 'state.json': '' });
    const whole = state(40);
    for (let length = 10; length < whole.length; length += 20) {
      await writeFile(t.path('state.json'), whole.slice(0, length));
      await t.pass(200);
    }
    expect(texts(t, 'state.json')).toEqual([]);
    for (let rows = 40; rows < 60; rows += 1) {
      await writeFile(t.path('state.json'), state(rows));
      await t.pass(600);
    }
    await t.pass(5000);
    const shipped = texts(t, 'state.json');
    expect(shipped.at(-1)).toBe(state(59));
    expect(shipped.length).toBeLessThan(9);
    for (const text of shipped) expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  it('goes on with the stream while lines are appended, and begins another when the head changes', async () => {
    await using t = await started({ 'metrics.csv': 'a,step\n1,0\n' });
    await t.pass(1000);
    for (let step = 1; step <= 5; step += 1) {
      await appendFile(t.path('metrics.csv'), `1,${step}\n2,`);
      await t.pass(1000);
      await appendFile(t.path('metrics.csv'), `${step}\n`);
      await t.pass(1000);
    }
    const [only, ...others] = t.publisher.of('metrics.csv');
    expect(others).toEqual([]);
    expect(only?.bytes.toString()).toMatch(/^a,step\n1,0\n1,1\n2,1\n.*2,5\n$/s);
    await writeFile(t.path('metrics.csv'), 'a,b,step\n1,,0\n1,,1\n');
    await t.pass(5000);
    expect(texts(t, 'metrics.csv')[1]).toBe('a,b,step\n1,,0\n1,,1\n');
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'does not take what is written in the place of a state for lines that follow it, at read %i of a look',
    async (when) => {
      await using t = await started({ 'metrics.csv': 'a,step\n1,0\n' });
      await t.pass(3000);
      const another = 'loss,x\n9,9\n8,8\n7,7\n';
      await appendFile(t.path('metrics.csv'), '2,1\n');
      let reads = 0;
      t.beforeReads(async () => {
        reads += 1;
        if (reads === when) await writeFile(t.path('metrics.csv'), another);
      });
      await t.pass(20_000);
      expect(reads).toBeGreaterThan(when);
      const shipped = texts(t, 'metrics.csv');
      expect(shipped.at(-1)).toBe(another);
      expect(['a,step\n1,0\n', 'a,step\n1,0\n2,1\n']).toContain(shipped[0]);
      expect(shipped).toHaveLength(2);
    },
  );

  it('does not wait for a file to stand still that is appended to all the time', async () => {
    await using t = await started({ 'metrics.csv': 'a,step\n' });
    const append = async (from: number, to: number) => {
      for (let step = from; step < to; step += 1) {
        await appendFile(t.path('metrics.csv'), `1,${step}\n1,`);
        await t.pass(200);
      }
    };
    await append(0, 31);
    expect(texts(t, 'metrics.csv').join('')).toMatch(/1,2[89]\n$/);
    await append(31, 40);
    await t.pass(6000);
    const [only, ...others] = t.publisher.of('metrics.csv');
    expect(others).toEqual([]);
    expect(only?.bytes.toString()).toMatch(/1,39\n1,$/);
  });

  it('cuts a large state into segments, the last one final, and all of them are one state', async () => {
    const large = state(200_000);
    await using t = await started({ 'state.json': large });
    await t.pass(2000);
    const [only] = t.publisher.of('state.json');
    expect(only?.bytes.toString()).toBe(large);
    const finals = t.publisher.published.map(({ segment }) => segment.final);
    expect(finals.length).toBeGreaterThan(2);
    expect(finals.indexOf(true)).toBe(finals.length - 1);
  });

  it('after a kill sends the same segments again, or a gap where the state is gone, and then the next', async () => {
    await using t = await started({ 'state.json': state(1) });
    t.publisher.acks = false;
    await t.pass(1000);
    t.crash();
    await t.start(patterns);
    await t.pass(1000);
    const sent = t.publisher.published.map(({ segment }) => segment);
    expect(sent.at(-1)).toMatchObject({
      stream: sent[0]?.stream,
      end: state(1).length,
      final: true,
      gap: null,
    });
    expect(t.publisher.streams.size).toBe(1);

    t.publisher.acks = false;
    await writeFile(t.path('state.json'), state(2));
    await t.pass(5000);
    t.crash();
    await writeFile(t.path('state.json'), state(3));
    await t.start(patterns);
    await t.pass(5000);
    const gaps = t.publisher.published.filter(({ segment }) => segment.gap !== null);
    expect(gaps.map(({ segment }) => [segment.start, segment.end])).toEqual([[0, state(2).length]]);
    expect(texts(t, 'state.json').at(-1)).toBe(state(3));
  });

  it('knows after a restart what it has shipped', async () => {
    await using t = await started({ 'state.json': state(1), 'metrics.csv': 'a,step\n1,0\n' });
    await t.pass(1000);
    t.crash();
    await appendFile(t.path('metrics.csv'), '1,1\n');
    await t.start(patterns);
    await t.pass(5000);
    expect(texts(t, 'state.json')).toEqual([state(1)]);
    expect(texts(t, 'metrics.csv')).toEqual(['a,step\n1,0\n1,1\n']);
  });

  it('ships the last state at the end', async () => {
    await using t = await started({ 'state.json': state(1) });
    await t.pass(1000);
    t.crash();
    await writeFile(t.path('state.json'), state(2));
    const tail = await t.tail(patterns);
    const once = tail.once(AbortSignal.timeout(20_000));
    await t.idle();
    await t.clock.advance(300);
    await once;
    expect(texts(t, 'state.json')).toEqual([state(1), state(2)]);
  });

  it('does not ship the same state again after a time in which its directory could not be read', async () => {
    await using t = await started({ 'state.json': state(1) });
    await t.pass(5000);
    const { readDirectory } = t.fs;
    t.fs.readDirectory = async () =>
      await Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' }));
    await t.pass(90_000);
    t.fs.readDirectory = readDirectory;
    await t.pass(5000);
    expect(texts(t, 'state.json')).toEqual([state(1)]);
  });

  it('does not mind that a file goes away', async () => {
    await using t = await started({ 'state.json': state(1) });
    await t.pass(1000);
    await rm(t.path('state.json'));
    await t.pass(70_000);
    await writeFile(t.path('state.json'), state(1));
    await t.pass(5000);
    expect(t.publisher.streams.size).toBe(2);
    expect(t.warnings).toEqual([]);
  });
});

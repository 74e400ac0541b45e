import { expect, it } from 'vitest';
import { explain } from '../../../src/commands/audit/letters.ts';
import type { Finding } from '../../../src/commands/audit/findings.ts';
import { letterId } from '../../../src/core/dead-letters.ts';
import type { DeadLetter, LetterMark } from '../../../src/core/transport.ts';

const signal = AbortSignal.timeout(60_000);

it('names the dead letter that explains a hole, as long as it is open', async () => {
  const finding: Finding = {
    kind: 'gap',
    where: 'index',
    run: 'r',
    path: '/a',
    stream: 's',
    start: 10,
    end: 20,
    detail: 'no document of the index holds it',
  };
  const letter: DeadLetter = {
    kind: 'document',
    reason: 'mapping refused',
    time: 1,
    run: 'r',
    stream: 's',
    start: 10,
    end: 20,
  };
  const id = letterId(letter);
  const entries: (DeadLetter | LetterMark)[] = [letter];
  const log = {
    append: async () => undefined,
    mark: async () => undefined,
    read: async function* () {
      yield* entries;
    },
  };
  const others: Finding[] = [
    { ...finding, start: 20, end: 30 },
    { ...finding, stream: 't' },
    { ...finding, where: 'file', kind: 'wrong' },
    { ...finding, kind: 'pending' },
  ];
  const [explained, ...rest] = await explain([finding, ...others], log, signal);
  expect(explained).toMatchObject({ letter: id });
  expect(explained?.detail).toBe(
    `no document of the index holds it; dead letter ${id.slice(0, 12)}: mapping refused`,
  );
  expect(rest).toEqual(others);
  entries.push({ kind: 'mark', letter: id, stream: 's', outcome: 'replayed', time: 2 });
  expect(await explain([finding], log, signal)).toEqual([finding]);
});

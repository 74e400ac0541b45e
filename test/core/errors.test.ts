import { describe, expect, it } from 'vitest';
import { CabooseError, errorCode, errorText } from '../../src/core/errors.ts';

const system = (code: string, message: string) => Object.assign(new Error(message), { code });
const circular = new Error('round');
circular.cause = circular;
const deep = [1, 2, 3, 4, 5, 6, 7].reduceRight<Error | undefined>(
  (cause, n) => new Error(`level ${n}`, { cause }),
  undefined,
);

describe('CabooseError', () => {
  it('is not retriable, and hints at nothing, unless it says so', () => {
    const error = new CabooseError('X', 'went wrong');
    expect(error).toMatchObject({ name: 'CabooseError', code: 'X', retriable: false, hint: undefined });
    expect('cause' in error).toBe(false);
  });

  it('keeps what it is given', () => {
    const cause = system('ENOENT', 'no such file');
    const error = new CabooseError('X', 'went wrong', { cause, hint: 'look', retriable: true });
    expect(error).toMatchObject({ hint: 'look', retriable: true, cause });
  });
});

describe('errorText', () => {
  it.each([
    [new Error('a'), 'a'],
    [new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
    [new Error('outer: inner text', { cause: new Error('inner text') }), 'outer: inner text'],
    [new TypeError(''), 'TypeError'],
    [new Error('two\n  lines'), 'two lines'],
    ['a string', 'a string'],
    [{ status: 7 }, '{ status: 7 }'],
    [null, ''],
    [undefined, ''],
    [0, '0'],
    [circular, 'round'],
    [deep, 'level 1: level 2: level 3: level 4: level 5'],
  ])('case %#', (error, text) => expect(errorText(error)).toBe(text));

  it.each([
    [Symbol('s'), 'Symbol(s)'],
    [1n, '1n'],
    [cyclicObject(), '<ref *1> { self: [Circular *1] }'],
    [new Error('a', { cause: cyclicObject() }), 'a: <ref *1> { self: [Circular *1] }'],
  ])('does not fail on what JSON cannot hold: case %#', (thrown, text) => {
    expect(errorText(thrown)).toBe(text);
  });
});

describe('errorCode', () => {
  it.each([
    [system('EACCES', 'no'), 'EACCES'],
    [new CabooseError('LOCKED', 'x'), 'LOCKED'],
    [{ code: 'PLAIN' }, 'PLAIN'],
    [{ code: 7 }, undefined],
    [new Error('x'), undefined],
    ['ENOENT', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('case %#', (error, code) => expect(errorCode(error)).toBe(code));
});

function cyclicObject(): object {
  const object: Record<string, unknown> = {};
  object['self'] = object;
  return object;
}

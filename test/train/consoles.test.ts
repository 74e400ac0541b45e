/**
 * Consoles of many frameworks, as their sources print them: of `NAME.log` these points are read and no others, `NAME.points`, a line each:
 * step (`-`: none), name, value, canonical name.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventsOf } from '../events/helpers.ts';
import { readFacts } from '../../src/train/read-facts.ts';

const folder = new URL('../fixtures/consoles/', import.meta.url);
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.log'))
  .map((name) => name.slice(0, -'.log'.length));

function pointsOf(text: string): string[] {
  let memory: Record<string, unknown> = {};
  return eventsOf(text).flatMap((event) => {
    const { facts, context } = readFacts(event, memory);
    memory = context;
    return facts.flatMap((fact) => {
      if (fact.kind !== 'point') return [];
      const { step, name, value, canonical } = fact;
      return [`${step ?? '-'}  ${name} = ${value}${canonical === null ? '' : `  (${canonical})`}`];
    });
  });
}

test.each(names)('%s', (name) => {
  expect(pointsOf(textOf(`${name}.log`))).toEqual(textOf(`${name}.points`).split('\n').filter(Boolean));
});

test('iterations that go on over the epochs are left as they are', () => {
  const lines = [
    'Epoch 1, Step 50/300, Loss: 3',
    'Epoch 2, Step 150/300, Loss: 2',
    'Epoch 3, Step 250/300, Loss: 1',
  ];
  expect(pointsOf(lines.join('\n'))).toEqual([
    '50  Loss = 3  (loss)',
    '150  Loss = 2  (loss)',
    '250  Loss = 1  (loss)',
  ]);
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { takeIn } from '../src/events/take-in.ts';
import { StreamFacts } from '../src/train/read-facts.ts';
import { carried, segmentOf } from '../test/events/helpers.ts';
import { projectRoot } from './agent-process.ts';
import type { Bench } from './bench.ts';

const escape = '\u001B';
const units = [
  ...Array.from(' \t0a-=:[](){}"\'.,|/%\\█━é\0\b\r'),
  '1 ',
  'a ',
  'a.',
  'a:',
  'a=',
  'a: ',
  'a = ',
  '1/',
  '1/1 ',
  '[1]',
  '[1/1] ',
  '] [',
  ' - ',
  '| ',
  '| a | 1 |',
  '[[',
  '{"a":',
  "{'a': ",
  'step ',
  'step 1 ',
  'step: [',
  'iter 1: ',
  'Epoch ',
  'Epoch [1][',
  'epoch 1: ',
  'loss ',
  'loss: ',
  'loss=1 ',
  'loss train: 1, ',
  'num_updates ',
  "'a': 1, ",
  '"a": 1, ',
  'NaN',
  'lr: 1e-',
  '0:00:00 • ',
  ' [00:00<',
  '1/2 [00:00<00:00, ',
  '50%|',
  '- ETA: ',
  '----  ',
  'Class  Images  ',
  'Traceback (most recent call last):',
  '  File "a.py", line 1, in f\n',
  '\tat a.b.C.d(C.java:1)\n',
  'Caused by: ',
  'a.b.',
  'ValueError: ',
  'exitcode  : -9 ',
  'rank 1 ',
  '[rank1]:',
  '[default1]: ',
  'CUDA error: ',
  'Xid (PCI:',
  'Killed ',
  'local_rank: ',
  'Root Cause ',
  'WorkNCCL(SeqNum=',
  '2026-11-23 10:00:00 ',
  '24/06/01 ',
  'I1123 ',
  'WARNING:',
  'a\n',
  '\n ',
  'x\r\n',
  ' \r',
  `${escape}[`,
  `${escape}[1A`,
  `${escape}[A\r\n`,
  `x${escape}[A`,
  `a\n${escape}[2K`,
  `${escape}]`,
  `${escape}P`,
  `${escape}[1;`,
  `x${escape}[?25l`,
  `${escape}[C`,
];
const consoles = join(projectRoot, 'test/fixtures/consoles');
/** Beginnings that lead into the readers: the first words of real lines, and codes that begin a display. */
const beginnings = [
  '',
  'step 1 ',
  'Epoch [1][',
  '[10]\t',
  "{'loss': ",
  '{"step": 1, "a": "',
  `${escape}[?25lx\n${escape}[A`,
  ...readdirSync(consoles)
    .filter((name) => name.endsWith('.log'))
    .map((name) => readFileSync(join(consoles, name), 'utf8').split('\n', 1)[0]?.slice(0, 80) ?? ''),
];
const size = 16 * 1024;
const longer = 4;
/** What takes less cannot be told from what else the process does. */
const measurableMs = 40;
const ratioMax = 10;

/**
 * No line costs more than time linear in it, whatever it is made of: texts that patterns almost match, over and over, are cut into events and read
 * for facts, one text four times as long as the other.
 */
export const linearTime: Bench = {
  name: 'linear-time',
  about: `${beginnings.length * units.length} texts made to be slow, ${longer} times as long: how much more CPU they take`,
  measure({ runs }) {
    const worst: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const ratios = beginnings.flatMap((beginning) => units.map((unit) => ratioOf(beginning, unit)));
      worst.push(Math.max(...ratios));
    }
    return Promise.resolve([
      { name: 'the worst of them', unit: '×', values: worst, budget: { max: ratioMax } },
    ]);
  },
};

/** CPU of the long text over that of the short one; 0 where the long one takes too little to tell. */
function ratioOf(beginning: string, unit: string): number {
  const long = () => cpuMs(filled(beginning, unit, longer * size));
  if (long() < measurableMs) return 0;
  // Once more, when all of it is compiled, and nothing is collected by chance.
  const most = Math.min(long(), long(), long());
  const short = () => cpuMs(filled(beginning, unit, size));
  return most < measurableMs ? 0 : most / Math.min(short(), short(), short());
}

function cpuMs(text: string): number {
  const bytes = Buffer.from(text);
  const before = process.cpuUsage();
  const { closed } = takeIn(null, carried, segmentOf(0, bytes, { final: true }));
  const stream = new StreamFacts();
  for (const event of closed) stream.read(event);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function filled(beginning: string, unit: string, length: number): string {
  return beginning + unit.repeat(Math.ceil(length / unit.length));
}

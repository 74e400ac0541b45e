/**
 * The records of a W&B run's log, in which an offline run is kept (wandb/proto/wandb_internal.proto, `Record`; field numbers are from
 * there). Each key of what the run logged has its value as JSON text.
 *
 * Console output makes no event: the run's own output has it, as `files/output.log` or wherever it went. Nor do bookkeeping records.
 */
import type { Level } from '../core/event.ts';
import type { RecordContent, RecordFormat } from './framed-cutter.ts';
import { parseJsonValue } from './json-line.ts';
import {
  integerOf,
  lastField,
  messageOf,
  messagesOf,
  readMessage,
  textOf,
} from '../core/records/protobuf.ts';
import type { WireField } from '../core/records/protobuf.ts';
import { wandbFraming } from '../core/records/wandb-log.ts';

export const wandb: RecordFormat = { name: 'wandb', framing: wandbFraming, read: readRecord };

type Message = readonly WireField[];
type Values = Record<string, unknown>;

const valuesMax = 4096;
const depthMax = 8;
/** A longer value is no number. */
const jsonLengthMax = 4096;
/** Values on a message for people; the fields have them all. */
const shownMax = 32;
const shownLengthMax = 64;

/** Field number in `Record` → how it is read. */
const readers: Readonly<Record<number, (record: Message) => RecordContent | null>> = {
  2: history,
  3: summary,
  5: (record) => content('config', itemsOf(record, 1)),
  7: stats,
  10: alert,
  17: run,
  18: exit,
  23: () => ({
    time: null,
    level: 'warn',
    message: 'the run is being preempted',
    fields: { record: 'preempting' },
  }),
};

function readRecord(data: Buffer): RecordContent | null {
  const record = readMessage(data);
  if (record === null) return { time: null, level: 'warn', message: 'unreadable: no W&B record', fields: {} };
  for (const field of record) {
    const read = field.wire === 'bytes' ? readers[field.number] : undefined;
    if (read !== undefined) return read(messageOf(field));
  }
  return null;
}

function history(record: Message): RecordContent {
  const values = itemsOf(record, 1);
  const stepField = lastField(record, 2);
  const step = stepField === undefined ? values['_step'] : integerOf(lastField(messageOf(stepField), 1));
  const seconds = values['_timestamp'];
  const time = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null;
  return { ...content(`step ${String(step)}`, values), time, fields: { record: 'history', step, values } };
}

/** One with every step, of which some only say what W&B knows by itself. */
function summary(record: Message): RecordContent | null {
  const values = itemsOf(record, 1);
  return Object.keys(values).every((name) => name.startsWith('_')) ? null : content('summary', values);
}

function stats(record: Message): RecordContent {
  const time = timestampOf(lastField(record, 2));
  const { message, fields } = content('system', itemsOf(record, 3));
  return { time, level: null, message, fields };
}

function alert(record: Message): RecordContent {
  const [title, text] = [1, 2].map((number) => textOf(lastField(record, number)) ?? '');
  const level = alertLevels[textOf(lastField(record, 3)) ?? ''] ?? 'info';
  return { time: null, level, message: `alert: ${title}: ${text}`, fields: { record: 'alert', title, text } };
}
const alertLevels: Readonly<Record<string, Level>> = { INFO: 'info', WARN: 'warn', ERROR: 'error' };

function run(record: Message): RecordContent {
  const [id, project, group, name] = [1, 3, 6, 8].map((number) => textOf(lastField(record, number)));
  const named = Object.entries({ id, project, group, name }).filter(([, value]) => value);
  const shown = named.map(([key, value]) => `${key}=${value}`).join(', ');
  const config = itemsOf(messageOf(lastField(record, 4)), 1);
  const fields = { record: 'run', ...Object.fromEntries(named), config };
  return { time: timestampOf(lastField(record, 17)), level: null, message: `run: ${shown}`, fields };
}

function exit(record: Message): RecordContent {
  const code = integerOf(lastField(record, 1));
  const seconds = integerOf(lastField(record, 2));
  const message = `the run exits with code ${code} after ${seconds} s`;
  const fields = { record: 'exit', code, seconds };
  return { time: null, level: code === 0 ? 'info' : 'error', message, fields };
}

function content(record: string, values: Values): RecordContent {
  const entries = Object.entries(values).filter(([name]) => !name.startsWith('_'));
  const shown = entries.slice(0, shownMax).map(([name, value]) => `${name}=${shownValue(value)}`);
  const more = entries.length > shownMax ? `, and ${entries.length - shownMax} more` : '';
  const message = `${record}: ${shown.join(', ')}${more}`;
  return { time: null, level: null, message, fields: { record, values } };
}

function shownValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}…`.toWellFormed() : text;
}

/** HistoryItem, SummaryItem, ConfigItem, StatsItem: a key, or the names on the way to a value within a value. */
function itemsOf(record: Message, number: number): Values {
  const values: Values = {};
  for (const item of messagesOf(record, number).slice(0, valuesMax)) {
    const nested = item.filter((field) => field.number === 2).map((field) => textOf(field) ?? '');
    const names = nested.length > 0 ? nested : [textOf(lastField(item, 1)) ?? ''];
    const json = textOf(lastField(item, 16)) ?? 'null';
    if (names.length <= depthMax && !names.includes('__proto__'))
      put(
        values,
        names,
        json.length > jsonLengthMax ? `${json.slice(0, shownLengthMax)}…` : (parseJsonValue(json) ?? json),
      );
  }
  return values;
}

function put(values: Values, names: readonly string[], value: unknown): void {
  let at = values;
  for (const name of names.slice(0, -1)) {
    const inner = Object.hasOwn(at, name) ? at[name] : undefined;
    const next =
      typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Values) : {};
    at[name] = next;
    at = next;
  }
  at[names.at(-1) ?? ''] = value;
}

/** google.protobuf.Timestamp, to ms since epoch. */
function timestampOf(field: WireField | undefined): number | null {
  if (field === undefined) return null;
  const timestamp = messageOf(field);
  const seconds = integerOf(lastField(timestamp, 1));
  return seconds > 0 ? seconds * 1000 + integerOf(lastField(timestamp, 2)) / 1e6 : null;
}

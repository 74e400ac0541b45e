/**
 * TensorBoard's event files: TFRecords, each one `Event` (tensorboard/compat/proto: event.proto, summary.proto, tensor.proto,
 * types.proto, tensor_shape.proto; plugins/hparams/plugin_data.proto). Field numbers are from there.
 *
 * A scalar is a `simple_value` (PyTorch, tensorboardX, TensorFlow 1) or a tensor of the plugin `scalars` (TensorFlow 2, Keras). Texts
 * and the hyperparameters of a run are read; of histograms, images and the like it is only said that they are there.
 */
import type { Level } from '../core/event.ts';
import type { RecordContent, RecordFormat } from './framed-cutter.ts';
import {
  floatOf,
  integerOf,
  lastField,
  messageOf,
  messagesOf,
  readMessage,
  textOf,
} from '../core/records/protobuf.ts';
import type { WireField } from '../core/records/protobuf.ts';
import { tensorNumber, tensorText } from './tensor.ts';
import { tfRecordFraming } from '../core/records/tfrecord.ts';

export const tfevents: RecordFormat = {
  name: 'tfevents',
  framing: tfRecordFraming({ checksData: true }),
  read: readEvent,
};

type Message = readonly WireField[];

/** Names on a message for people; the fields have them all. */
const namesMax = 32;
const valuesMax = 4096;
const textLengthMax = 4096;

function readEvent(data: Buffer): RecordContent | null {
  const event = readMessage(data);
  if (event === null)
    return { time: null, level: 'warn', message: 'unreadable: no TensorBoard event', fields: {} };
  const seconds = floatOf(lastField(event, 1)) ?? 0;
  const time = seconds > 0 && seconds < 1e11 ? seconds * 1000 : null;
  const step = integerOf(lastField(event, 2));
  const what = event.findLast(({ number, wire }) => number >= 3 && number <= 9 && wire === 'bytes');
  const { level = null, message, fields } = readWhat(what, event);
  return { time, level, message: `step ${step}: ${message}`, fields: { step, ...fields } };
}

interface What {
  level?: Level | null;
  message: string;
  fields: Record<string, unknown>;
}

function readWhat(what: WireField | undefined, event: Message): What {
  const inner = messageOf(what);
  switch (what?.number) {
    case 3: {
      const writer = textOf(lastField(messageOf(lastField(event, 10)), 1));
      const version = textOf(what) ?? '';
      return { message: `event file, ${version}`, fields: { version, ...(writer !== null && { writer }) } };
    }
    case 5:
      return readSummary(inner);
    case 6: {
      const text = clipped(textOf(lastField(inner, 2)) ?? '');
      return { level: logLevels[integerOf(lastField(inner, 1))] ?? null, message: text, fields: { text } };
    }
    case 7: {
      const status = sessionStates[integerOf(lastField(inner, 1))] ?? 'session';
      const checkpoint = textOf(lastField(inner, 2));
      const fields = { session: status, ...(checkpoint !== null && { checkpoint }) };
      return { message: checkpoint === null ? status : `${status} ${checkpoint}`, fields };
    }
    case 4:
    case 8:
    case 9:
      return { message: 'graph', fields: {} };
    default:
      return { message: 'nothing', fields: {} };
  }
}

/** LogMessage.Level, SessionLog.SessionStatus. */
const logLevels: Readonly<Record<number, Level>> = {
  10: 'debug',
  20: 'info',
  30: 'warn',
  40: 'error',
  50: 'fatal',
};
const sessionStates: Readonly<Record<number, string>> = {
  1: 'session starts',
  2: 'session stops',
  3: 'checkpoint',
};

function readSummary(summary: Message): What {
  const scalars: Record<string, number> = {};
  const texts: Record<string, string> = {};
  const others: Record<string, string> = {};
  let hyperparameters: Record<string, unknown> | null = null;
  for (const value of messagesOf(summary, 1).slice(0, valuesMax)) {
    const tag = textOf(lastField(value, 1)) ?? '';
    if (tag === '__proto__') continue;
    const plugin = messageOf(lastField(messageOf(lastField(value, 9)), 1));
    const kind = textOf(lastField(plugin, 1)) ?? '';
    const scalar = scalarOf(value, kind);
    if (scalar !== null) scalars[tag] = scalar;
    else if (kind === 'text') texts[tag] = clipped(tensorText(messageOf(lastField(value, 8))) ?? '');
    else
      others[tag] =
        kind === '' ? (otherKinds.find(([number]) => lastField(value, number))?.[1] ?? 'tensor') : kind;
    if (kind === 'hparams') hyperparameters = readHyperparameters(plugin) ?? hyperparameters;
  }
  const shown = [
    ...Object.entries(scalars).map(([tag, value]) => `${tag}=${value}`),
    ...Object.keys(texts).map((tag) => `${tag} (text)`),
    ...Object.entries(others).map(([tag, kind]) => `${tag} (${kind})`),
  ];
  const more = shown.length > namesMax ? `, and ${shown.length - namesMax} more` : '';
  const fields = {
    ...(Object.keys(scalars).length > 0 && { scalars }),
    ...(Object.keys(texts).length > 0 && { texts }),
    ...(Object.keys(others).length > 0 && { others }),
    ...(hyperparameters !== null && { hparams: hyperparameters }),
  };
  return { message: shown.slice(0, namesMax).join(', ') + more, fields };
}

/** Summary.Value: what is neither a number nor a tensor. */
const otherKinds = [
  [3, 'histogram'],
  [4, 'image'],
  [5, 'histogram'],
  [6, 'audio'],
] as const;

/**
 * Writers may leave the plugin's name out after a tag's first value (event_file_loader.py keeps the first): a single number without
 * one is a scalar, too.
 */
function scalarOf(value: Message, plugin: string): number | null {
  const simple = floatOf(lastField(value, 2));
  if (simple !== null) return simple;
  if (plugin !== 'scalars' && plugin !== '') return null;
  const tensor = lastField(value, 8);
  return tensor === undefined ? null : tensorNumber(messageOf(tensor), plugin === 'scalars');
}

/** HParamsPluginData.session_start_info.hparams, a map to google.protobuf.Value. */
function readHyperparameters(plugin: Message): Record<string, unknown> | null {
  const start = lastField(messageOf(lastField(plugin, 2)), 3);
  if (start === undefined) return null;
  const entries = messagesOf(messageOf(start), 1).slice(0, valuesMax);
  return Object.fromEntries(
    entries.map((entry) => {
      const value = messageOf(lastField(entry, 2));
      const truth = lastField(value, 4);
      const text = textOf(lastField(value, 3));
      const shown = truth === undefined ? text && clipped(text) : integerOf(truth) !== 0;
      return [textOf(lastField(entry, 1)) ?? '', floatOf(lastField(value, 2)) ?? shown];
    }),
  );
}

function clipped(text: string): string {
  return text.length > textLengthMax ? `${text.slice(0, textLengthMax)}…`.toWellFormed() : text;
}

/**
 * Losses and gradient norms that are no numbers, also where a trainer hides them:
 *
 * - Hugging Face's Trainer counts a NaN loss as 0 (`logging_nan_inf_filter`, on by default): `'loss': 0.0` beside `'grad_norm': nan`, or,
 *   where version 4 prints no norm, a loss that falls to 0 at once and stays there;
 * - Megatron-LM leaves the ` lm loss:` field out, and its `number of nan iterations` stays 0 (training/training.py, training_log).
 *
 * On a bar stands a running mean, which is no point; that of a bar that began later may be a number again.
 *
 * Other metrics may be NaN by design.
 */
import type { LogEvent } from '../../core/event.ts';
import type { FactBody, ObservationBody, PointBody } from '../../core/fact.ts';

/** Plain JSON. */
export interface NumberMemory {
  /** Printed dicts: the last loss above 0, and how many of 0 came since. */
  lossBefore?: number;
  zeroLosses?: number;
  /** Megatron-LM: a loss was printed, in this iteration last. */
  iteration?: number;
  /** The loss on a bar was no number. */
  barNan?: true;
}

/** A loss that was above this does not fall to 0 from one print to the next. */
const lossFarFromZero = 0.1;
const zeroLossesMin = 2;

export function observeNumbers(
  event: LogEvent,
  bodies: readonly FactBody[],
  memory: NumberMemory,
): ObservationBody[] {
  if (bodies.length === 0) return [];
  if (event.kind === 'progress') return observeBar(event, memory);
  let loss: PointBody | null = null;
  let norm: PointBody | null = null;
  for (const body of bodies) {
    if (body.kind !== 'point') continue;
    if (body.canonical === 'loss' || isNanPart(body)) loss ??= body;
    else if (body.canonical === 'grad_norm') norm ??= body;
  }
  const megatron = event.kind === 'line' ? observeMegatron(event.message, loss, norm, memory) : null;
  if (megatron !== null) return [megatron];
  if (norm !== null && !Number.isFinite(norm.value) && loss?.value === 0)
    return [
      observation('nan-hidden', `the loss is shown as 0 while the gradient norm is ${norm.value}`, norm),
    ];
  if (loss !== null && !Number.isFinite(loss.value))
    return [observation('nan', `${loss.name} is ${loss.value}`, loss)];
  // With a loss beside it that is a number, a step was skipped: dynamic loss scaling does so now and then.
  if (norm !== null && !Number.isFinite(norm.value))
    return [
      {
        ...observation('nan', `${norm.name} is ${norm.value}`, norm),
        role: loss === null ? 'root' : 'warning',
      },
    ];
  if (loss === null || !event.message.startsWith("{'")) return [];
  return observeZeroLoss(loss, norm, memory);
}

/** DeepXDE tells the parts of the loss, and not their sum. */
function isNanPart({ name, value }: PointBody): boolean {
  return !Number.isFinite(value) && /^train loss\[\d{1,4}\]$/i.test(name);
}

const barLoss = /[\s,[](?:train_?)?loss(?:_step)? ?[=:] ?(nan|[+-]?inf|[+-]?\d)/i;

function observeBar({ message }: LogEvent, memory: NumberMemory): ObservationBody[] {
  const shown = message.includes('oss') ? barLoss.exec(message.slice(-512))?.[1]?.toLowerCase() : undefined;
  if (shown === undefined) return [];
  if (shown === 'nan' || shown.endsWith('inf')) {
    memory.barNan = true;
    return [observation('nan', `the loss on the bar is ${shown}`, { step: null })];
  }
  if (memory.barNan === undefined) return [];
  delete memory.barNan;
  const text = 'the loss on the bar is a number again';
  return [{ ...observation('number', text, { step: null }), role: 'evidence' }];
}

function observeZeroLoss(loss: PointBody, norm: PointBody | null, memory: NumberMemory): ObservationBody[] {
  if (loss.value !== 0 || norm !== null) {
    memory.lossBefore = loss.value;
    delete memory.zeroLosses;
    return [];
  }
  if ((memory.lossBefore ?? 0) < lossFarFromZero) return [];
  memory.zeroLosses = (memory.zeroLosses ?? 0) + 1;
  if (memory.zeroLosses < zeroLossesMin) return [];
  const message = `the loss fell from ${memory.lossBefore} to exactly 0 and stays there, as a NaN that is filtered out does`;
  return [observation('nan-hidden', message, loss)];
}

const iteration = /(?:^|\s)iteration {1,16}(\d{1,12})\/ {0,16}\d{1,12} \|/;
const skipped = /number of skipped iterations: {1,8}(\d{1,12})/;
const counted = /number of nan iterations: {1,8}(\d{1,12})/;

function observeMegatron(
  message: string,
  loss: PointBody | null,
  norm: PointBody | null,
  memory: NumberMemory,
): ObservationBody | null {
  if (!message.includes('number of nan iterations:')) return null;
  const step = Number(iteration.exec(message.slice(0, 256))?.[1] ?? NaN);
  const interval = step - (memory.iteration ?? NaN);
  const hadLoss = memory.iteration !== undefined;
  if (hadLoss || loss !== null) memory.iteration = step;
  if (Number(counted.exec(message)?.[1] ?? 0) > 0)
    return observation('nan', 'Megatron-LM counts NaN iterations', { step });
  if (norm !== null && Number.isNaN(norm.value))
    return observation('nan-hidden', 'the gradient norm is NaN, while no NaN iteration is counted', norm);
  // Without a step that was taken there is no loss to print, either.
  const skips = Number(skipped.exec(message)?.[1] ?? 0);
  const allSkipped = skips >= interval;
  if (loss === null && hadLoss && !allSkipped)
    return observation('nan-hidden', 'the loss is left out of the line, as Megatron-LM does when it is NaN', {
      step,
    });
  if (allSkipped) {
    const body = observation('overflow', `all ${skips} iterations since the last line were skipped`, {
      step,
    });
    return { ...body, role: 'warning', details: { skipped: skips } };
  }
  return null;
}

function observation(name: string, text: string, { step }: { step: number | null }): ObservationBody {
  const at = step === null || Number.isNaN(step) ? '' : ` (step ${step})`;
  return { kind: 'observation', class: name, role: 'root', message: `${text}${at}` };
}

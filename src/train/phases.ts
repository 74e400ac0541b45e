/**
 * What a run does besides steps, as frameworks say it: that a checkpoint, an evaluation, a compilation or the loading of a checkpoint begins
 * or has ended. The texts are those of the named files; a phase of which only the begin is told ends with the next step.
 *
 * Failure rule: a text that only looks alike makes the rules more patient, not less; so the patterns need the verb, not the noun alone.
 */
import type { LogEvent } from '../core/event.ts';
import type { FactBody, PhaseBody, PhaseName } from '../core/fact.ts';

interface PhaseForm {
  phase: PhaseName;
  state: PhaseBody['state'];
  /** Every match holds one of these texts. */
  hints: readonly string[];
  /** Group `step`: where the text names it. */
  pattern: RegExp;
}

/** The end of something is asked for first: its text may hold that of the begin. */
const forms: readonly PhaseForm[] = [
  {
    // Megatron-LM checkpointing.py; torchtitan checkpoint.py; torchtune _checkpointer.py; DeepSpeed torch_checkpoint_engine.py; fairseq
    phase: 'checkpoint',
    state: 'ends',
    hints: [
      'uccessfully saved checkpoint',
      'inished saving the checkpoint',
      'heckpoint saved',
      'is ready now!',
      'aved checkpoint',
      'Checkpoint of size ',
      'checkpoint of size ',
    ],
    pattern:
      /successfully saved checkpoint (?:at|from) iteration {1,16}(?<step>\d{1,12})|Finished saving the checkpoint|\b[Cc]heckpoint saved\b(?! in the)|\[\w{1,32}\] Checkpoint (?:global_step(?<stepToo>\d{1,12})|\S{1,100}) is ready now!|\b[Ss]aved checkpoint\b|heckpoint of size .{1,30} saved to /,
  },
  {
    // Hugging Face trainer.py and accelerator.py; Lightning model_checkpoint.py; Keras model_checkpoint.py; nanoGPT train.py; and the above
    phase: 'checkpoint',
    state: 'begins',
    hints: [
      'aving model checkpoint',
      'aving checkpoint',
      'aving the checkpoint',
      'aving a full checkpoint',
      'aving a checkpoint',
      'aving current state to ',
      'saving model to ',
      'is about to be saved!',
      'to save checkpoint for ',
    ],
    pattern:
      /\b[Ss]aving (?:model |the |a |a full )?checkpoint\b(?:.{0,40}?iteration {1,16}(?<step>\d{1,12})|.{0,300}?checkpoint-(?<stepToo>\d{1,12})\b)?|\bSaving current state to |(?:global step (?<stepThree>\d{1,12}): .{0,200}?|Epoch \d{1,8}: .{0,200}?)saving model to |Checkpoint \S{1,100} is about to be saved!|Preparing to save checkpoint for /,
  },
  {
    // Hugging Face trainer.py; Megatron-LM training.py; fairseq train.py; ignite, detectron2 and hand-written loops
    phase: 'eval',
    state: 'begins',
    hints: [
      '** Running ',
      'unning evaluation',
      'unning validation',
      'tarting evaluation',
      'tarting validation',
      'tart evaluation',
      'tart validation',
      'tart inference on ',
      'egin validation',
      'egin evaluation',
      'valuating iter ',
      'Evaluating',
      'Validating',
    ],
    pattern:
      /\*\*\* Running (?:Evaluation|Prediction|\w{1,20} [Ee]valuation)|\b(?:[Rr]unning|[Ss]tart(?:ing|ed)?|[Bb]egin(?:ning)?) (?:the )?(?:evaluation|validation)\b|\bStart inference on \d{1,12} batches|^\s{0,8}(?:Evaluating|Validating)\b/m,
  },
  {
    phase: 'compile',
    state: 'begins',
    hints: [
      'ompiling the model',
      'ompiling model',
      'ompiling each ',
      'ompiling with torch',
      'ompiling module',
    ],
    pattern: /\b[Cc]ompiling (?:the model|model|each \w{1,60}|with torch|module)\b/,
  },
  {
    // Megatron-LM, Hugging Face, torchtitan, Lightning, DeepSpeed
    phase: 'init',
    state: 'begins',
    hints: [
      'oading checkpoint',
      'oading the checkpoint',
      'oading model from ',
      'esuming training from ',
      'esuming from ',
      'estoring states from ',
    ],
    pattern:
      /\b[Ll]oading (?:the )?checkpoint\b(?! shards)|\bLoading model from |\b[Rr]esuming (?:training )?from |\bRestoring states from /,
  },
];

export const phaseHints: readonly string[] = forms.flatMap(({ hints }) => hints);

const textMax = 4096;

/** The first phase that a line tells of, or null. Lines of a trainer that state numbers tell of none. `held`: the hints that are in it. */
export function readPhase(
  event: LogEvent,
  bodies: readonly FactBody[],
  held: ReadonlySet<string>,
): PhaseBody | null {
  if (event.kind === 'traceback' || event.kind === 'progress' || bodies.length > 0) return null;
  const text = event.message.slice(0, textMax);
  for (const { phase, state, hints, pattern } of forms) {
    if (!hints.some((hint) => held.has(hint))) continue;
    const found = pattern.exec(text);
    if (found === null) continue;
    const { step, stepToo, stepThree } = found.groups ?? {};
    const named = step ?? stepToo ?? stepThree;
    return { kind: 'phase', phase, state, step: named === undefined ? null : Number(named) };
  }
  return null;
}

/** What a progress bar says in front while it evaluates: Lightning's, Hugging Face's examples'. */
export function isEvaluationLabel(label: string | null): boolean {
  return label !== null && /^(?:valid|sanity|eval|test|predict)/i.test(label);
}

import { open } from 'node:fs/promises';

/**
 * Lines as a training run writes them, ~180 bytes each on average, with numbers that do not repeat: what the codec meets in
 * practice. The same seed gives the same lines.
 */
export function trainingLines(lines: number, seed = 1): Buffer {
  const random = generator(seed);
  const parts: string[] = [];
  let time = Date.UTC(2026, 0, 1);
  for (let step = 1; step <= lines; step += 1) {
    time += Math.floor(random() * 400);
    parts.push(line(step, new Date(time).toISOString(), random));
  }
  return Buffer.from(parts.join(''));
}

const words =
  'allreduce barrier batch bucket cache checkpoint connection cuda dataloader device epoch gradient memory miss nccl optimizer ' +
  'parallel prefetch queue rank reserved restored retry saved shard state sync tensor timeout warning worker world';

/** Lines as programs write them that say what they do, ~130 bytes each: few numbers, the same words in another order. */
export function wordyLines(lines: number, seed = 1): Buffer {
  const random = generator(seed);
  const known = words.split(' ');
  const word = () => known[Math.floor(random() * known.length)] ?? '';
  const parts: string[] = [];
  let time = Date.UTC(2026, 0, 1);
  for (let i = 0; i < lines; i += 1) {
    time += Math.floor(random() * 50);
    const said = Array.from({ length: 6 + Math.floor(random() * 10) }, word).join(' ');
    const level = random() < 0.9 ? 'INFO' : 'WARNING';
    parts.push(
      `${new Date(time).toISOString()} ${level} [rank${Math.floor(random() * 8)}] trainer.${word()}: ${said}\n`,
    );
  }
  return Buffer.from(parts.join(''));
}

const blockLines = 300_000;

/** Writes a file of at least so many bytes: a block of lines, far longer than any codec's window, again and again. */
export async function writeTrainingLines(path: string, bytesMin: number): Promise<number> {
  const lines = Math.min(blockLines, Math.ceil(bytesMin / 150));
  const block = trainingLines(lines);
  const file = await open(path, 'w');
  let written = 0;
  try {
    while (written < bytesMin) written += (await file.write(block)).bytesWritten;
  } finally {
    await file.close();
  }
  return written;
}

function line(step: number, time: string, random: () => number): string {
  const loss = (2.5 + random()).toFixed(5);
  const norm = (random() * 2).toFixed(6);
  const rate = (random() * 1e-4).toExponential(6);
  const rank = Math.floor(random() * 8);
  switch (step % 20) {
    case 0:
      return `${time} WARNING [rank${rank}] torch.cuda.memory: reserved ${(60 + random() * 20).toFixed(2)} GiB, allocated ${(50 + random() * 10).toFixed(2)} GiB, ${Math.floor(random() * 90)} cudaMalloc retries, largest free block ${(random() * 4).toFixed(3)} GiB\n`;
    case 1:
      return `{"time": "${time}", "level": "INFO", "step": ${step}, "loss": ${loss}, "grad_norm": ${norm}, "learning_rate": ${rate}, "samples": ${step * 512}, "input_tokens_seen": ${step * 524_288}, "step_time": ${random().toFixed(4)}}\n`;
    case 2:
      return `{'loss': ${loss}, 'grad_norm': ${norm}, 'learning_rate': ${rate}, 'rewards/margins': ${random().toFixed(6)}, 'entropy': ${random().toFixed(5)}, 'num_tokens': ${step * 4096}, 'mean_token_accuracy': ${random().toFixed(6)}, 'epoch': ${(step / 8000).toFixed(4)}}\n`;
    default:
      return `${time} INFO [rank${rank}] train.loop: step ${step}/2000000 | loss ${loss} | grad_norm ${norm} | lr ${rate} | tokens/s ${(40_000 + random() * 9000).toFixed(1)} | mfu ${(30 + random() * 20).toFixed(2)}% | data ${(random() * 9).toFixed(3)} ms | epoch ${(step / 8000).toFixed(4)}\n`;
  }
}

/** mulberry32: small, fast, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

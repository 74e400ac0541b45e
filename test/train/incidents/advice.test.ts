/** What is advised first, by what was told. */
import { describe, expect, test } from 'vitest';
import { adviceFor, headlineFor } from '../../../src/train/incidents/advice.ts';

const worker = 'RuntimeError: DataLoader worker (pid 26912) is killed by signal: ';

describe('what to try first', () => {
  test.each([
    ['dataloader', `${worker}Killed. `, /too little memory/],
    [
      'dataloader',
      `${worker}Bus error. It is possible that dataloader's workers are out of shared memory.`,
      /shm/,
    ],
    ['dataloader', `${worker}Segmentation fault. `, /num_workers=0/],
    [
      'dataloader',
      'RuntimeError: unable to allocate shared memory(shm) for file </torch_2_6_0>: No space left',
      /shm/,
    ],
    // huggingface_hub 2.4, offline
    [
      'python',
      'huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled.',
      /hf download/,
    ],
    ['python', "ConnectionError: Couldn't reach 'a/b' on the Hub (OfflineModeIsEnabled)", /hf download/],
    ['python', 'IndexError: index out of range in self', /vocabulary/],
    ['python', 'InvalidArgumentError: indices[0,0] = 500 is not in [0, 10)', /vocabulary/],
    ['python', 'IndexError: list index out of range', /traceback/],
    // safetensors 0.8
    [
      'python',
      'safetensors._safetensors_rust.SafetensorError: Error while deserializing header: header too large',
      /damaged/,
    ],
    ['python', "RuntimeError: Distributed package doesn't have NCCL built in", /gloo/],
  ])('%s: %s', (name, message, first) => {
    expect(adviceFor(name, {}, message).tries[0]).toMatch(first);
  });
});

test('a rank that only tells of the death of another one is not said to have died', () => {
  const cause = { class: 'worker-death', rank: 1, details: {} };
  expect(headlineFor({ ...cause, message: 'Connection closed by peer' })).toMatch(/\(rank 1 tells of it\)$/);
  expect(headlineFor({ ...cause, message: 'rank 0 lost rank 1: Connection closed by peer' })).toMatch(
    /^rank 1: /,
  );
  expect(headlineFor({ ...cause, message: 'x', details: { end: 'sure', exitCode: 5 } })).toMatch(
    /^rank 1: .* exit code 5/,
  );
});

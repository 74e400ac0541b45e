/** What a failure class means, and what to try: suggestions for people, never done by Caboose. */
import type { ObservationDetails } from '../../core/fact.ts';

export interface Advice {
  /** What happened, in a few words. */
  title: string;
  /** Most promising first. */
  tries: readonly string[];
}

const adviceOf: Readonly<Record<string, Advice>> = {
  'collective-timeout': {
    title: 'a collective operation timed out: a rank did not take part',
    tries: [
      'look at what the rank that is waited for did last; its stack (py-spy dump, TORCH_NCCL_DUMP_ON_TIMEOUT=1) shows where it stands',
      'check that all ranks take the same branches: data sets of unequal length, an evaluation or a checkpoint on some ranks only',
      'check the network and the GPU of that node',
    ],
  },
  'watchdog-hang': {
    title: "NCCL's watchdog itself got stuck: a CUDA call or the network does not return",
    tries: [
      'check the GPU and the network of that node (dmesg, nvidia-smi)',
      'set TORCH_NCCL_TRACE_BUFFER_SIZE and look at the dump',
    ],
  },
  desync: {
    title: 'ranks called different collective operations',
    tries: [
      'find the branch that depends on the rank or on the data, and calls a collective operation in it',
    ],
  },
  'nccl-generic': {
    title: 'NCCL reports an error of another process or of the network',
    tries: [
      'look at the other ranks and nodes first; their logs may not be here',
      'run with NCCL_DEBUG=INFO',
    ],
  },
  'nccl-abort': {
    title: 'the process was ended after a failed collective operation',
    tries: ['look at the other ranks and nodes first; their logs may not be here'],
  },
  ib: {
    title: 'InfiniBand lost a connection or a port',
    tries: [
      'check the link, the cable and the switch port (ibstat, ibqueryerrors)',
      'look whether the peer died first',
    ],
  },
  'cuda-oom': {
    title: 'the GPU had no memory left',
    tries: [
      'make the batch or the sequence smaller, or use gradient accumulation or checkpointing',
      'look for other processes on the GPU (nvidia-smi)',
      'try PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True if much is reserved but not allocated',
    ],
  },
  ecc: {
    title: 'the memory of a GPU is damaged',
    tries: [
      'take the node out, reset the GPU and run its diagnostics (dcgmi diag -r 3)',
      'restart from the last checkpoint elsewhere',
    ],
  },
  'cuda-error': {
    title: 'a CUDA operation failed',
    tries: [
      'run again with CUDA_LAUNCH_BLOCKING=1 to see which operation it is',
      'a device-side assert is most often an index out of range: check labels and token ids',
      "look into the node's kernel log for an Xid",
    ],
  },
  'cuda-unavailable': {
    title: 'no usable GPU',
    tries: [
      'check nvidia-smi on the node, the driver, and that the job asked for GPUs',
      'check that PyTorch is built for CUDA, and CUDA_VISIBLE_DEVICES',
    ],
  },
  sxid: {
    title: 'an NVSwitch failed',
    tries: ['take the node out and reset its GPUs and switches; restart elsewhere'],
  },
  'host-oom': {
    title: 'the machine, or the memory limit of the job, was used up',
    tries: [
      'use fewer DataLoader workers, a smaller prefetch_factor, or memory-mapped data',
      'raise the memory limit of the job',
      'look for a leak: memory that grows from step to step',
    ],
  },
  dataloader: {
    title: 'a DataLoader worker died',
    tries: [
      'a bus error: shared memory is too small (raise --shm-size or /dev/shm)',
      'killed: the machine had too little memory; use fewer workers',
      'run with num_workers=0 to see the error itself',
    ],
  },
  'worker-died': {
    title: 'a worker process died',
    tries: ['look for an out-of-memory kill (dmesg) or a crash of that process'],
  },
  killed: {
    title: 'the process was killed (SIGKILL); it could not say why',
    tries: [
      "look for an out-of-memory kill in the node's kernel log (dmesg) and in the scheduler's",
      'ask whether somebody, or a health check, killed it',
    ],
  },
  terminated: {
    title: 'the run was told to end (SIGTERM); no fault of its own',
    tries: ['ask the scheduler or whoever stopped it; restart from the last checkpoint'],
  },
  interrupted: {
    title: 'the run was interrupted by hand (SIGINT)',
    tries: ['restart it if that was not meant'],
  },
  'worker-death': {
    title: 'a process of the run died; its own log does not say why, or is not here',
    tries: ["look at that process' own log and at its node's kernel log"],
  },
  nan: {
    title: 'the loss or the gradients are no numbers any more',
    tries: [
      'restart from a checkpoint before it; skip the batch, or lower the learning rate',
      'clip gradients, or use bf16 instead of fp16',
      'find the operation with torch.autograd.set_detect_anomaly(True)',
    ],
  },
  'nan-hidden': {
    title: 'the loss is NaN, and the trainer does not show it',
    tries: [
      'stop the run: what it learns since then is lost',
      'set logging_nan_inf_filter=False (Hugging Face) to see it at once',
      'restart from a checkpoint before it; lower the learning rate, clip gradients, or use bf16 instead of fp16',
    ],
  },
  overflow: {
    title: 'the loss scale cannot be lowered any further: gradients overflow at every step',
    tries: ['use bf16 instead of fp16', 'lower the learning rate, or look for bad data'],
  },
  spike: {
    title: 'the loss jumped',
    tries: [
      'watch it; if it does not come down, go back to a checkpoint before it, and skip those batches or lower the learning rate',
    ],
  },
  hang: {
    title: 'the run makes no steps any more',
    tries: [
      'look where its processes stand (py-spy dump --pid …), the rank that is behind first',
      'look at the file system, the data source and the network; NCCL itself gives up only after 10 minutes or more',
      'end it and restart from the last checkpoint, if they wait for each other',
    ],
  },
  straggler: {
    title: 'one rank is slower than the others, and holds them up',
    tries: [
      'compare its GPU with the others: clocks, temperature, throttling (nvidia-smi -q -d PERFORMANCE), other processes on it',
      'check its data loading, its disk and its network link',
      'take the node out if it is so in every run',
    ],
  },
  slow: {
    title: 'steps take longer than they did',
    tries: [
      'look at what has changed since: other jobs on the machines, the file system, throttled GPUs',
      'longer sequences or larger batches explain it, too',
    ],
  },
  'restart-storm': {
    title: 'the run is started again and again',
    tries: [
      'stop restarting it: look at the first cause of its attempts',
      'check that it finds its last checkpoint, and gets further than that',
    ],
  },
  sdc: {
    title: 'the same computation gave two results: the hardware may be faulty',
    tries: ['run the diagnostics of that GPU; take the node out if it happens again'],
  },
  storage: {
    title: 'a file system does not answer, or is read-only',
    tries: ['check the file server and the mount on that node'],
  },
  'disk-full': {
    title: 'a disk or a quota is full',
    tries: [
      'free space or raise the quota where checkpoints and logs are written (df -h, df -i, quota)',
      'the last checkpoint may be incomplete: use the one before it',
    ],
  },
  scheduler: {
    title: 'the scheduler ended the job; no fault of its own',
    tries: [
      'restart from the last checkpoint',
      'ask for more time, or checkpoint on the signal that comes before the end',
    ],
  },
  python: {
    title: 'an exception ended the program',
    tries: ['read the traceback: its last frame of your own code is the place to look'],
  },
  java: { title: 'an exception ended the program', tries: ['read the innermost cause'] },
  r: {
    title: 'an error ended the R program',
    tries: [
      'read the lines before its end: `Error in …` names the call, traceback() or options(error = …) shows how it came there',
    ],
  },
  julia: {
    title: 'an error ended the Julia program',
    tries: ['read the stack trace: its first frame of your own code is the place to look'],
  },
  'not-started': {
    title: 'the program did not start: its command, its settings or its code are wrong',
    tries: ['correct what the line names, and start it again; nothing was trained'],
  },
  crash: {
    title: 'the process crashed in native code',
    tries: [
      'look at the stack that faulthandler prints (PYTHONFAULTHANDLER=1), or at the core dump',
      'check that the versions of compiled libraries fit each other',
    ],
  },
  'hang-dump': {
    title: 'the program was stuck: a watchdog printed the stacks',
    tries: ['look where each thread stands; a lock, the network or the data source is the usual one'],
  },
};

/** NVIDIA's Xid catalogue, as gpud groups it. */
const xidTries: readonly { codes: readonly number[]; tries: string }[] = [
  {
    codes: [13, 31, 94],
    tries: 'restart the application; if it comes again on other GPUs, its code is wrong',
  },
  {
    codes: [62, 64, 95, 109, 119, 120, 140],
    tries: 'reset the GPU (nvidia-smi --gpu-reset), then restart the application',
  },
  {
    codes: [79],
    tries: 'the GPU has fallen off the bus: restart the machine; have it looked at if it comes again',
  },
  { codes: [48, 74], tries: "take the node out and run the vendor's diagnostics (dcgmi diag -r 3)" },
];

/** A process cannot hand a tensor over. */
const sharedMemory = /unable to .{1,60}(?:shared memory|<\/torch_)/;

/** How the worker of a DataLoader ended asks for this first. */
const workerTries: readonly { pattern: RegExp; tries: string }[] = [
  {
    pattern: /[Bb]us error|shared memory|<\/torch_/,
    tries: 'shared memory is too small: raise --shm-size or the size of /dev/shm',
  },
  {
    pattern: /signal: Killed/,
    tries:
      'the machine had too little memory, most often: look for an out-of-memory kill (dmesg), use fewer workers',
  },
  {
    pattern: /[Ss]egmentation fault|signal: Abort/,
    tries:
      'a compiled library crashed in the worker: decode the data in one process (num_workers=0, PYTHONFAULTHANDLER=1) to see where',
  },
];

/** What the words of an exception ask for: the first that fits. */
const exceptionTries: readonly { pattern: RegExp; tries: string }[] = [
  {
    pattern: /LocalEntryNotFoundError|OfflineModeIsEnabled|outgoing traffic has been disabled/,
    tries:
      'the files are not in the cache, and the hub is not reached: fetch them before the job (hf download), and let HF_HOME name the cache that has them',
  },
  {
    pattern: /IndexError: index out of range in self|indices\[[\d,]{1,40}\] = -?\d{1,20} is not in \[0, /,
    tries:
      "an id is not below the size of the embedding table: compare the tokenizer's vocabulary with the model's, and the length of the input with its positions",
  },
  {
    pattern: /package doesn't have NCCL built in/,
    tries: 'use the gloo backend on a CPU, or install a PyTorch that is built for CUDA',
  },
  {
    pattern: /GatedRepoError|gated repo|\b40[13] Client Error/,
    tries: "log in (hf auth login, or HF_TOKEN) and accept the model's terms on its page",
  },
  {
    pattern: /\b429 Client Error|Too Many Requests/,
    tries:
      'the server limits requests: log in, or download once before the job (hf download) and set HF_HUB_OFFLINE=1',
  },
  {
    pattern: /RepositoryNotFoundError|\b404 Client Error/,
    tries: 'check the name and the revision; a private repository needs a token (HF_TOKEN)',
  },
  {
    pattern: /in loading state_dict|size mismatch for /,
    tries:
      'the checkpoint is of another model: compare its settings (vocabulary, layers, sizes) with those of this run',
  },
  {
    pattern: /ModuleNotFoundError: /,
    tries: 'install the module in the environment that the job uses, or activate the right one in its script',
  },
  {
    pattern: /ImportError: .{0,300}(?:undefined symbol|version `GLIBC)/,
    tries:
      'a compiled library was built for another version: install it again for this PyTorch and this system',
  },
  {
    pattern: /EADDRINUSE|[Aa]ddress already in use/,
    tries:
      'another process listens on that port, perhaps one that an earlier run has left: end it, or choose another port (--master-port)',
  },
  {
    pattern: /Too many open files/,
    tries: 'raise the limit (ulimit -n 65536) in the job, or use fewer DataLoader workers',
  },
  {
    pattern:
      /PytorchStreamReader failed|HeaderTooLarge|SafetensorError: Error while deserializing|UnpicklingError: (?!Weights only)|Parquet magic bytes/,
    tries: 'the file is damaged or incomplete: use the checkpoint before it, or fetch it again',
  },
  {
    pattern: /FileNotFoundError: |\[Errno 2\]/,
    tries: 'check the path, and that it is mounted on that node',
  },
];

const unknown: Advice = { title: 'a failure', tries: [] };

/** `message`: of the incident. */
export function adviceFor(name: string, details: ObservationDetails = {}, message = ''): Advice {
  if (name === 'xid') {
    const known = xidTries.find(({ codes }) => codes.includes(details.xid ?? -1));
    const gpu = details.gpu === undefined ? 'a GPU' : `GPU ${details.gpu}`;
    const tries = [
      known?.tries ?? "look the Xid up in NVIDIA's catalogue",
      'restart elsewhere if it comes again',
    ];
    return { title: `the driver reports Xid ${details.xid ?? '?'} of ${gpu}`, tries };
  }
  if (name === 'worker-death' && details.exitCode !== undefined)
    return {
      title: `a process of the run ended with exit code ${details.exitCode}; its own log does not say why, or is not here`,
      tries: adviceOf[name]?.tries ?? [],
    };
  const advice = adviceOf[name] ?? unknown;
  const special = { python: exceptionTries, dataloader: workerTries }[name]?.find(({ pattern }) =>
    pattern.test(message),
  );
  if (name === 'dataloader' && sharedMemory.test(message))
    return {
      title: 'the shared memory is used up',
      tries: [special?.tries ?? '', ...advice.tries.slice(-1)],
    };
  const exception = name === 'python' ? details.exception?.split('.').at(-1) : undefined;
  return {
    title: exception === undefined ? advice.title : `${advice.title}: ${exception}`,
    tries: special === undefined ? advice.tries : [special.tries, ...advice.tries],
  };
}

/** What happened, and on which rank, in one line. */
export function headlineFor(cause: {
  class: string;
  rank: number | null;
  message: string;
  details?: ObservationDetails;
}): string {
  const { class: name, rank, message, details } = cause;
  const { title } = adviceFor(name, details, message);
  if (rank === null) return title;
  const tells = `${title} (rank ${rank} tells of it)`;
  // Without the status of its end, it is not this rank that died, unless others say so.
  if (name === 'worker-death' && details?.end === undefined && !message.includes(`lost rank ${rank}`))
    return tells;
  if (name !== 'collective-timeout') return `rank ${rank}: ${title}`;
  // Of several that wait for each other, one is waited for; a single one only tells of it.
  return message.includes(`waited for rank ${rank}`)
    ? `rank ${rank} did not take part in a collective operation, which timed out`
    : tells;
}

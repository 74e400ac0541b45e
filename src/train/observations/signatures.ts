/**
 * The texts that tell of a failure, one row each: what it is called, what part it plays, and how it reads. Read from the named sources;
 * each row has a text in the tests that it must find. The first row that fits wins: specific ones stand above general ones.
 *
 * Groups that a pattern names are taken over as details of the observation: see `ObservationDetails`.
 */
import type { ObservationRole } from '../../core/fact.ts';

export interface Signature {
  class: string;
  role: ObservationRole;
  /** Every match holds one of these texts, which have no digits: by them lines that say nothing are passed over fast. */
  hints: readonly string[];
  /** Takes time linear in the text: no repetition in it is unbounded and ambiguous. */
  pattern: RegExp;
  /** The process has ended when this is said. */
  ends?: true;
}

export const signatures: readonly Signature[] = [
  // ---- collective operations: PyTorch ProcessGroupNCCL.cpp, ProcessGroupGloo.cpp, gloo's unbound_buffer.cc and pair.cc
  {
    class: 'collective-timeout',
    role: 'cascade',
    hints: ['collective operation timeout'],
    pattern:
      /(?:\[Rank (?<writer>\d{1,8})\] |Rank (?<writerToo>\d{1,8})\] )?Watchdog caught collective operation timeout: WorkNCCL\((?:SeqNum=(?<sequence>\d{1,15}), )?(?:OpType=(?<operation>\w{1,40}))?.{0,300}?Timeout\(ms\)=(?<timeoutMs>\d{1,12})\) ran for (?<ranMs>\d{1,12}) milliseconds/,
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    hints: ['Timed out waiting '],
    pattern: /Timed out waiting (?<timeoutMs>\d{1,12})ms for (?<operation>recv|send) operation to complete/,
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    hints: ['failed to pass monitoredBarrier'],
    pattern: /Ranks? (?<ranks>\d[\d, ]{0,400}?) failed to pass monitoredBarrier in (?<timeoutMs>\d{1,12}) ms/,
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    hints: ['due to a collective timeout'],
    pattern: /signal due to a collective timeout from (?:this local rank|(?:global )?rank (?<ranks>\d{1,8}))/,
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    hints: ['Application timeout caused pair closure', 'waiting for clients', 'wait timeout after '],
    pattern:
      /Application timeout caused pair closure|Timed out after \d{1,9} seconds waiting for clients|wait timeout after (?<timeoutMs>\d{1,12})ms, keys/,
  },
  {
    class: 'nccl-position',
    role: 'evidence',
    hints: ['last enqueued '],
    pattern:
      /last enqueued (?:NCCL )?work: (?<enqueued>-?\d{1,15}), last (?:completed (?:NCCL )?work|NCCL work completed): (?<completed>-?\d{1,15})/,
  },
  {
    class: 'nccl-abort',
    role: 'cascade',
    hints: ['taking the entire process down', 'Some NCCL operations have failed or timed out'],
    pattern: /taking the entire process down|Some NCCL operations have failed or timed out/,
  },
  {
    class: 'watchdog-hang',
    role: 'root',
    hints: ['watchdog got stuck for '],
    pattern: /ProcessGroupNCCL's watchdog got stuck for \d{1,12} ?(?:milli)?seconds without making progress/,
  },
  {
    class: 'desync',
    role: 'root',
    hints: ['Detected mismatch between collectives'],
    pattern: /Detected mismatch between collectives on ranks\. Rank (?<ranks>\d{1,8}) is running/,
  },
  // ---- NCCL: debug.cc, init.cc, transport/net_ib.cc
  {
    class: 'ib',
    role: 'root',
    hints: ['NET/IB'],
    pattern:
      /NET\/IB ?: (?:Got completion from peer .{0,200}? with (?:status=\w|error \d)|(?:\w{1,32}:\d{1,3} )?Got async event : (?!client))/,
  },
  {
    class: 'cuda-oom',
    role: 'root',
    hints: ['Cuda failure '],
    pattern: /\bCuda failure (?:2 )?'out of memory'/,
  },
  {
    class: 'nccl-generic',
    role: 'cascade',
    hints: [
      'NCCL WARN',
      'unhandled system error',
      'unhandled cuda error',
      'remote process exited or there was a network error',
      'NCCL communicator was aborted',
    ],
    pattern:
      /NCCL WARN |unhandled (?:system|cuda) error(?: \(run with NCCL_DEBUG=INFO for details\)|, NCCL version)|remote process exited or there was a network error|NCCL communicator was aborted|NCCL Error \d{1,2}: unhandled/,
  },
  // ---- the GPU: PyTorch c10/cuda, NVIDIA's driver (kernel log), fabric manager
  {
    class: 'cuda-oom',
    role: 'root',
    hints: ['out of memory. Tried to allocate'],
    pattern: /(?:CUDA|HIP|XPU|NPU) out of memory\. Tried to allocate .{0,60}?(?:[GNX]PU (?<gpu>\d{1,4})|$)/m,
  },
  {
    class: 'cuda-oom',
    role: 'root',
    hints: [
      'CUDA error: out of memory',
      'MPS backend out of memory',
      'Out of memory error on GPU',
      'CUDA_ERROR_OUT_OF_MEMORY',
      'CUDNN_STATUS_ALLOC_FAILED',
      'CUBLAS_STATUS_ALLOC_FAILED',
    ],
    pattern:
      /CUDA error: out of memory|MPS backend out of memory|Out of memory error on GPU \d|CUDA_ERROR_OUT_OF_MEMORY|CU(?:DNN|BLAS)_STATUS_ALLOC_FAILED/,
  },
  {
    class: 'cuda-oom',
    role: 'root',
    hints: ['OOM when allocating tensor', 'RESOURCE_EXHAUSTED: '],
    pattern:
      /OOM when allocating tensor .{0,300}?device:GPU:(?<gpu>\d{1,4})|RESOURCE_EXHAUSTED: (?:Out of memory while trying to allocate|Failed to allocate request for [\d.]{1,20} ?[KMGT]?i?B|Attempting to (?:allocate|reserve) [\d.]{1,20}[KMGT]?i?B?\b|.{0,80}Ran out of memory in memory space)/,
  },
  {
    // JAX on a CPU
    class: 'host-oom',
    role: 'root',
    hints: ['RESOURCE_EXHAUSTED: '],
    pattern: /RESOURCE_EXHAUSTED: Out of memory allocating \d{1,20} bytes/,
  },
  {
    class: 'ecc',
    role: 'root',
    hints: ['uncorrectable ECC error'],
    pattern: /uncorrectable ECC error encountered/,
  },
  {
    class: 'cuda-unavailable',
    role: 'root',
    hints: [
      'Found no NVIDIA driver',
      'No CUDA GPUs are available',
      'Torch not compiled with CUDA enabled',
      'CUDA driver version is insufficient',
      'no CUDA-capable device is detected',
      'no GPUs found!',
      'requires at least one CUDA device',
      'driver on your system is too old',
      'Unexpected error from cudaGetDeviceCount()',
      'Attempting to deserialize object on a CUDA device',
    ],
    pattern:
      /Found no NVIDIA driver on your system|No CUDA GPUs are available|Torch not compiled with CUDA enabled|CUDA driver version is insufficient for CUDA runtime|no CUDA-capable device is detected|ProcessGroupNCCL is only supported with GPUs, no GPUs found!|\bnccl\d? requires at least one CUDA device|NVIDIA driver on your system is too old|Unexpected error from cudaGetDeviceCount\(\)|Attempting to deserialize object on a CUDA device but/,
  },
  {
    class: 'cuda-error',
    role: 'root',
    hints: [
      'CUDA error: ',
      'HIP error: ',
      'CUDA driver error: ',
      '], thread: [',
      'CUBLAS_STATUS_',
      'CUDNN_STATUS_',
      'CUDA_ERROR_',
      ' in file ',
    ],
    pattern:
      /^Error .{1,160} at line \d{1,6} in file \S{1,300}\.cuh?\b|(?:CUDA|HIP) error: \S|CUDA driver error: \S|\.(?:cuh?|hip):\d{1,6}: .{1,200}?block: \[[\d,]{1,40}\], thread: \[[\d,]{1,40}\] Assertion `|(?:CUBLAS|CUDNN)_STATUS_(?!SUCCESS\b)[A-Z_]{3,40}|CUDA_ERROR_(?!SUCCESS\b|NOT_FOUND\b)[A-Z_]{3,40}/m,
  },
  {
    class: 'xid',
    role: 'evidence',
    hints: ['NVRM: Xid'],
    // 43 and 63 ask for nothing; 45 is the clean-up after another one (NVIDIA's Xid catalogue).
    pattern: /NVRM: Xid \((?:PCI:)?(?<gpu>[\da-fA-F:.]{4,20})\): (?<xid>43|45|63), /,
  },
  {
    class: 'xid',
    role: 'root',
    hints: ['NVRM: Xid'],
    pattern:
      /NVRM: Xid \((?:PCI:)?(?<gpu>[\da-fA-F:.]{4,20})\): (?<xid>\d{1,4}), (?:pid='?(?<pid>\d{1,10}))?/,
  },
  {
    class: 'sxid',
    role: 'root',
    hints: ['detected NVSwitch fatal error', 'SXid'],
    pattern:
      /detected NVSwitch fatal error|SXid \((?:PCI:)?(?<gpu>[\da-fA-F:.]{4,20})\): (?<xid>\d{1,6}), Fatal/,
  },
  {
    class: 'sxid',
    role: 'evidence',
    hints: ['detected NVSwitch non-fatal error', 'SXid'],
    pattern:
      /detected NVSwitch non-fatal error|SXid \((?:PCI:)?(?<gpu>[\da-fA-F:.]{4,20})\): (?<xid>\d{1,6}), Non-fatal/,
  },
  // ---- shared memory: ATen/MapAllocator.cpp
  {
    class: 'dataloader',
    role: 'root',
    hints: ['unable to ', '</torch_'],
    pattern:
      /unable to (?:allocate|open) shared memory|unable to (?:write to|resize|mmap \d{1,20} bytes from|allocate) file <\/torch_/,
  },
  // ---- the disk: errno texts, torch/serialization.py, caffe2/serialize/inline_container.cc
  {
    class: 'disk-full',
    role: 'root',
    hints: ['No space left on device', 'Disk quota exceeded', 'disk quota exceeded'],
    pattern: /No space left on device|[Dd]isk quota exceeded/,
  },
  {
    class: 'disk-full',
    role: 'root',
    hints: [
      'PytorchStreamWriter failed writing file',
      'inline_container.cc',
      'basic_ios::clear: iostream error',
      ' requested and ',
    ],
    pattern:
      /PytorchStreamWriter failed writing file|inline_container\.cc.{0,60}unexpected pos \d{1,15} vs \d|basic_ios::clear: iostream error|OSError: \d{1,15} requested and \d{1,15} written/,
  },
  {
    class: 'storage',
    role: 'root',
    hints: [
      'not responding',
      'Remounting filesystem read-only',
      'Stale file handle',
      'Input/output error',
      'Read-only file system',
      'Transport endpoint is not connected',
      'after transport endpoint shutdown',
    ],
    pattern:
      /nfs: server \S{1,200} not responding|Remounting filesystem read-only|\[Errno 116\] Stale file handle|\[Errno 5\] Input\/output error|\[Errno 30\] Read-only file system|\[Errno 107\] Transport endpoint is not connected|\[Errno 108\] Cannot send after transport endpoint shutdown/,
  },
  // ---- memory of the machine: kernel mm/oom_kill.c, Slurm, PyTorch c10/core, numpy, Ray, Kubernetes
  {
    class: 'host-oom',
    role: 'root',
    hints: ['ut of memory: Kill'],
    pattern: /(?:Memory cgroup out|Out) of memory: Kill(?:ed)? process (?<pid>\d{1,10})/,
  },
  {
    class: 'host-oom',
    role: 'evidence',
    hints: ['invoked oom-killer', 'oom-kill:constraint', 'oom_reaper: reaped'],
    pattern: /invoked oom-killer: |oom-kill:constraint=|oom_reaper: reaped process (?<pid>\d{1,10})/,
  },
  {
    class: 'host-oom',
    role: 'root',
    hints: ['oom_kill event', 'oom-kill event', 'OOM Killed', 'OOMKilled', 'memory limit'],
    pattern:
      /Detected \d{1,9} oom[_-]kill event|step tasks have been OOM Killed|(?<![\w"']|\b[Nn]o )OOMKilled\b|Exceeded (?:job|step) memory limit/,
  },
  {
    class: 'host-oom',
    role: 'root',
    hints: [
      'DefaultCPUAllocator: ',
      'Unable to allocate ',
      'Cannot allocate memory',
      'std::bad_alloc',
      'running low on memory',
      'killed due to memory pressure',
    ],
    pattern:
      /DefaultCPUAllocator: (?:can.t allocate|not enough) memory|MemoryError: Unable to allocate [\d.]{1,20} ?\w{1,3}B|(?:\[Errno 12\]|\bfork:) Cannot allocate memory|instance of 'std::bad_alloc'|killed due to the node running low on memory|[1-9]\d{0,6} Workers \(tasks \/ actors\) killed due to memory pressure/,
  },
  {
    // Kubernetes, pkg/kubelet/eviction/helpers.go
    class: 'host-oom',
    role: 'root',
    hints: ['was low on resource: memory'],
    pattern: /\bThe node was low on resource: memory\./,
    ends: true,
  },
  {
    class: 'disk-full',
    role: 'root',
    hints: ['was low on resource: ephemeral', 'ocal storage usage exceeds the total limit'],
    pattern:
      /\bThe node was low on resource: ephemeral-storage\.|[Ll]ocal storage usage exceeds the total limit of containers/,
    ends: true,
  },
  {
    class: 'host-oom',
    role: 'root',
    hints: ['OOM when allocating tensor'],
    pattern: /OOM when allocating tensor .{0,300}?device:CPU/,
  },
  // ---- helpers of a trainer: torch/utils/data, concurrent.futures, joblib
  {
    class: 'dataloader',
    role: 'root',
    hints: ['DataLoader worker (pid', 'encountered in worker.'],
    pattern:
      /DataLoader worker \(pid(?:\(s\))? (?<pid>\d{1,10})[\d, ]{0,400}\) (?:is killed by signal|exited unexpectedly)|ERROR: Unexpected (?:segmentation fault|bus error|floating-point exception) encountered in worker\./,
  },
  {
    class: 'worker-died',
    role: 'root',
    hints: [
      'terminated abruptly while the future',
      'managed by the executor was unexpectedly terminated',
      'subprocesses has abruptly died during map',
    ],
    pattern:
      /process in the process pool was terminated abruptly while the future|worker process managed by the executor was unexpectedly terminated|One of the subprocesses has abruptly died during map operation/,
  },
  // ---- numbers: autograd's anomaly mode, torch.nn.utils, torch.distributions (what is not real is NaN), torch.multinomial, scikit-learn,
  // Megatron-LM, Lightning, Keras, torchvision's reference loop, Ultralytics
  {
    class: 'nan',
    role: 'root',
    hints: [
      'found NaN in local ',
      'returned nan values in its ',
      'is non-finite, so it cannot be clipped',
      'returned in `training_step` is nan',
      'stopping training',
      'Invalid loss, terminating training',
      'Loss became infinite or NaN',
      'NaN loss during training',
      'Model diverged with loss = NaN',
      'ensor had NaN values',
      'ensor had Inf and NaN values',
      'invalid value (nan) encountered in ',
      'NaN persisted for ',
      ' is not finite. Previous best value was ',
      ' to satisfy the constraint ',
      'probability tensor contains either',
      'Solver produced non-finite parameter weights',
    ],
    pattern:
      /found NaN in local (?:grad norm|forward loss)|returned nan values in its \d{1,6}th output|gradients from `?parameters`? is non-finite, so it cannot be clipped|loss returned in `training_step` is (?:nan|inf)|[Ll]oss is (?:nan|inf|NaN|-inf), stopping training|(?:Batch \d{1,12}: |step: \d{1,12}\. )Invalid loss, terminating training|Loss became infinite or NaN at iteration|NaN loss during training|Model diverged with loss = NaN|[Tt]ensor had (?:Inf and )?NaN values|FloatingPointError: invalid value \(nan\) encountered in |Training failed: NaN persisted for \d{1,6} epochs|Monitored metric \S{1,100} = (?:nan|-?inf) is not finite\. Previous best value was | to satisfy the constraint (?:IndependentConstraint\()?Real\(\)(?:, \d{1,2}\))?, but found invalid values:|^RuntimeError: probability tensor contains either `inf`, `nan` or element < 0|^ValueError: Solver produced non-finite parameter weights/,
  },
  {
    class: 'overflow',
    role: 'root',
    hints: ['loss scale already at minimum', 'Minimum loss scale reached'],
    pattern: /[Cc]urrent loss scale already at minimum|Minimum loss scale reached/,
  },
  {
    class: 'overflow',
    role: 'warning',
    hints: ['OVERFLOW!', 'Gradient overflow.'],
    pattern:
      /\[deep\w{1,10}\] OVERFLOW! (?:Rank (?<writer>\d{1,8}) )?Skipping step|Gradient overflow\. {1,4}Skipping step/,
  },
  { class: 'spike', role: 'warning', hints: ['Spiky loss'], pattern: /\bSpiky loss\b/ },
  {
    class: 'sdc',
    role: 'warning',
    hints: ['Possible transient error!', 'Possible persistent error!'],
    pattern: /Possible (?:transient|persistent) error!/,
  },
  // ---- whoever ends jobs: Slurm, PBS, LSF, Kubernetes (pkg/scheduler/framework/preemption, pkg/kubelet/preemption)
  {
    class: 'scheduler',
    role: 'root',
    hints: [
      'Preempted by ',
      'Preempted in order to admit critical pod',
      'preempting to accommodate a higher',
    ],
    pattern:
      /\bPreempted by (?:(?:a )?pod )?\S{1,300} on node \S|\bPreempted in order to admit critical pod|: preempting to accommodate a higher priority pod/,
    ends: true,
  },
  {
    class: 'scheduler',
    role: 'root',
    hints: ['DUE TO ', 'NODE_FAIL', 'Node failure on ', 'job killed: walltime', 'TERM_RUNLIMIT'],
    pattern:
      /DUE TO (?:TIME LIMIT|NODE FAILURE|PREEMPTION|JOB REQUEUE)\b|\bNODE_FAIL\b|srun: error: Node failure on \S|PBS: job killed: walltime|TERM_RUNLIMIT: job killed/,
    ends: true,
  },
  {
    // LSF, PBS
    class: 'host-oom',
    role: 'root',
    hints: ['TERM_MEMLIMIT', 'PBS: job killed: '],
    pattern: /TERM_(?:MEM|SWAP)LIMIT: job killed|PBS: job killed: v?mem \d/,
    ends: true,
  },
  {
    // HTCondor, src/condor_utils/condor_event.cpp
    class: 'scheduler',
    role: 'root',
    hints: ['Job was evicted.', 'TERM_PREEMPT'],
    pattern: /^004 \(\d{1,10}\.\d{1,10}\.\d{1,10}\) .{1,40} Job was evicted\.|TERM_PREEMPT: job killed/m,
    ends: true,
  },
  {
    class: 'terminated',
    role: 'root',
    hints: [' CANCELLED AT ', 'TERM_OWNER', 'TERM_ADMIN'],
    pattern:
      /TERM_(?:OWNER|ADMIN): job killed|\*\*\* (?:JOB|STEP) \S{1,40} ON \S{1,300} CANCELLED AT \S{1,30} \*\*\*/,
    ends: true,
  },
  {
    class: 'terminated',
    role: 'root',
    hints: ['Received SIGTERM: ', 'after receiving SIGTERM'],
    pattern: /\bReceived SIGTERM: 15\b|\bexiting program after receiving SIGTERM\b/,
  },
  {
    // torch/distributed/elastic/agent/server/api.py
    class: 'terminated',
    role: 'root',
    hints: ['death signal, shutting down workers'],
    pattern: /Received (?:Signals\.SIG(?:TERM|HUP)|15|1) death signal, shutting down workers/,
  },
  {
    class: 'interrupted',
    role: 'root',
    hints: ['death signal, shutting down workers'],
    pattern: /Received (?:Signals\.SIGINT|2) death signal, shutting down workers/,
  },
  {
    class: 'interrupted',
    role: 'root',
    hints: ['Detected KeyboardInterrupt'],
    pattern: /\bDetected KeyboardInterrupt, attempting graceful shutdown/,
  },
  // ---- a process that crashed: CPython's faulthandler, the kernel, glibc, UCX
  {
    class: 'crash',
    role: 'root',
    hints: ['Fatal Python error: '],
    pattern: /^(?:\[\w{4,16}\]: ?){0,4}Fatal Python error: \S/m,
    ends: true,
  },
  {
    class: 'crash',
    role: 'root',
    hints: [']: segfault at ', 'general protection fault', 'trap invalid opcode', 'trap divide error'],
    pattern:
      /(?:^|[ ;])\S{1,32}\[(?<pid>\d{1,10})\]:? (?:segfault at [\da-f]|general protection(?: fault)? ip:|trap invalid opcode|trap divide error)/m,
    ends: true,
  },
  {
    class: 'crash',
    role: 'root',
    hints: [
      'Caught signal ',
      'double free or corruption',
      'stack smashing detected',
      'free(): invalid',
      'malloc(): ',
      'corrupted size vs. prev_size',
      '*** Process received signal ***',
      ' received by PID ',
      '!!! Segfault encountered !!!',
      'terminate called ',
      'libc++abi: terminating ',
    ],
    pattern:
      /:\d{1,6}:\d{1,10}(?::\d{1,6})?\] Caught signal (?<signal>\d{1,2}) \(|^(?:\[\w{4,16}\]: ?){0,4}(?:double free or corruption|\*\*\* stack smashing detected|free\(\): invalid|malloc\(\): (?:corrupt|invalid|memory corruption|unaligned)|corrupted size vs\. prev_size)|\*\*\* Process received signal \*\*\*|\*\*\* SIG(?:SEGV|ABRT|BUS|FPE|ILL) \(@0x[\da-f]{1,16}\) received by PID|!!! Segfault encountered !!!|^terminate called (?:after throwing an instance of '(?:std::|c10::Error)|without an active exception|recursively)|^libc\+\+abi: terminating (?:due to |with )?uncaught exception/m,
    ends: true,
  },
  {
    // absl, glog and XLA; glibc's assert()
    class: 'crash',
    role: 'root',
    hints: ['] Check failed: ', '*** Check failure stack trace: ***', "' failed."],
    pattern:
      /(?:^F\d{4} .{0,120}|: F [\w./-]{1,200}:\d{1,6})\] Check failed: |^\*\*\* Check failure stack trace: \*\*\*|^[\w./+-]{1,200}: [\w./+-]{1,300}:\d{1,6}: .{0,300}: Assertion [`'].{1,300}' failed\.$/m,
    ends: true,
  },
  {
    // Rust; one of Python's threads raises an exception besides.
    class: 'crash',
    role: 'root',
    hints: ["thread 'main'"],
    pattern: /^thread 'main' (?:\(\d{1,10}\) )?panicked at /m,
  },
  // ---- other languages: R (src/main/main.c), Julia (base/client.jl, base/loading.jl; CUDA.jl)
  {
    class: 'r',
    role: 'root',
    hints: ['Execution halted'],
    pattern: /^Execution halted$/m,
    ends: true,
  },
  {
    class: 'host-oom',
    role: 'root',
    hints: ['ERROR: LoadError: '],
    pattern: /^ERROR: LoadError: OutOfMemoryError\(\)/m,
    ends: true,
  },
  {
    class: 'cuda-oom',
    role: 'root',
    hints: ['ERROR: LoadError: '],
    pattern: /^ERROR: LoadError: (?:CUDA error: )?[Oo]ut of (?:GPU )?memory\b/m,
    ends: true,
  },
  {
    class: 'interrupted',
    role: 'root',
    hints: ['ERROR: LoadError: '],
    pattern: /^ERROR: LoadError: InterruptException:/m,
    ends: true,
  },
  {
    class: 'julia',
    role: 'root',
    hints: ['ERROR: LoadError: '],
    pattern: /^ERROR: LoadError: (?:LoadError: ){0,8}\S/m,
    ends: true,
  },
  // ---- a program that did not start: argparse, click, Hydra, CPython's Modules/main.c, shells
  {
    class: 'not-started',
    role: 'root',
    hints: [
      ': error: unrecognized arguments: ',
      ': error: the following arguments are required: ',
      ': error: argument ',
      ': error: ambiguous option: ',
      ': error: one of the arguments ',
      'No such option: ',
      'Missing option ',
      'Missing argument ',
      'Invalid value for ',
      'No such command ',
      'Got unexpected extra argument',
    ],
    pattern:
      /^[\w./<>[\] -]{1,200}: error: (?:unrecognized arguments: |the following arguments are required: |argument .{1,200}: (?:invalid|expected|not allowed|ignored)|ambiguous option: |one of the arguments .{1,300} is required)|^(?:Error: |│ )(?:No such option: |Missing (?:option|argument) ['"]|Invalid value for ['"]|No such command ['"]|Got unexpected extra argument)/m,
  },
  {
    class: 'not-started',
    role: 'root',
    hints: ['Could not override ', 'Error merging override ', 'Could not find ', 'Could not load '],
    pattern:
      /^(?:Could not override '|Error merging override \S|In '[^']{1,200}': Could not (?:find|load) ')/m,
  },
  {
    class: 'not-started',
    role: 'root',
    hints: [
      "can't open file ",
      'No module named ',
      'rror while finding module specification',
      'SyntaxError: ',
      'IndentationError: ',
      'TabError: ',
    ],
    pattern:
      /^\S{0,200}python[\d.]{0,8}: (?:can't open file '|No module named \S|Error while finding module specification for ')|^(?:SyntaxError|IndentationError|TabError): \S/m,
  },
  {
    class: 'not-started',
    role: 'root',
    hints: ['ommand not found', ': not found', 'o such file or directory'],
    pattern:
      /(?:^|: )(?:python[\d.]{0,8}|torchrun|accelerate|deepspeed|mpirun|mpiexec|horovodrun|srun|apptainer|singularity|enroot|docker|uv): (?:command )?not found$|: command not found: (?:python[\d.]{0,8}|torchrun|accelerate|deepspeed|mpirun|mpiexec|srun)$|\bslurmstepd(?:-[\w.-]{1,128})?: error: execve\(\): .{1,300}: No such file or directory$/m,
  },
  {
    // Open MPI
    class: 'not-started',
    role: 'root',
    hints: [
      'unable to find the specified exec',
      'unable to launch the specified appl',
      'There are not enough slots',
    ],
    pattern:
      /^(?:mpirun|mpiexec|orterun|prun|prterun) was unable to (?:find the specified executable file|launch the specified application)|^There are not enough slots available in the system to satisfy the \d/m,
  },
  {
    class: 'hang-dump',
    role: 'root',
    hints: ['Timeout ('],
    pattern: /^(?:\[\w{4,16}\]: ?){0,4}Timeout \(\d{1,4}:\d{2}:\d{2}(?:\.\d{1,6})?\)!/m,
  },
  // ---- effects of a peer's death: gloo's pair.cc, torch/distributed, TCPStore, Open MPI, JAX (xla/pjrt/distributed/client.h)
  {
    class: 'worker-death',
    role: 'cascade',
    hints: ['MPI_ABORT was invoked on rank '],
    pattern: /MPI_ABORT was invoked on rank (?<ranks>\d{1,8}) in communicator/,
    ends: true,
  },
  {
    class: 'worker-death',
    role: 'cascade',
    hints: ['ERROR in coordination service', 'stopped sending heartbeats'],
    pattern:
      /\/task:(?<ranks>\d{1,8}) has been set to ERROR in coordination service: |unhealthy \(stopped sending heartbeats\):\s{1,8}\/job:[^\s:]{1,60}\/task:(?<ranksToo>\d{1,8})/,
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    hints: ['DEADLINE_EXCEEDED: Barrier timed out'],
    pattern:
      /DEADLINE_EXCEEDED: Barrier timed out\.(?:.{0,200}?Timed out task names:\s{1,8}\/job:[^\s:]{1,60}\/task:(?<ranks>\d{1,8}))?/s,
  },
  {
    class: 'worker-death',
    role: 'cascade',
    hints: ['distributed service detected fatal errors'],
    pattern: /Terminating process because the JAX distributed service detected fatal errors/,
    ends: true,
  },
  {
    class: 'worker-death',
    role: 'cascade',
    hints: ['distributed service detected fatal errors', 'an error from coordination service'],
    pattern: /JAX distributed service detected fatal errors|Polled an error from coordination service/,
  },
  {
    class: 'worker-death',
    role: 'cascade',
    hints: [
      'Connection closed by peer',
      'Connection reset by peer',
      'recvValue failed',
      'sendBytes failed',
      'client socket has failed to connect',
      'client socket has timed out',
      'failed to recv, got ',
    ],
    pattern:
      /gloo\/.{0,120}?(?:Connection closed by peer|Connection reset by peer|Broken pipe)|recvValue failed|sendBytes failed|failed to recv, got 0 bytes|client socket has (?:failed to connect|timed out)|store->get\(.{1,80}?\) got error: Connection reset by peer/,
  },
  {
    // ray/train/v2/_internal/execution/worker_group/poll.py
    class: 'worker-death',
    role: 'cascade',
    hints: [' Error Snippet]:'],
    pattern: /^\[Rank (?<ranks>\d{1,8}) Error Snippet\]:/m,
  },
  {
    class: 'worker-death',
    role: 'evidence',
    hints: ['closing signal SIG', 'Killing subprocess '],
    pattern: /Sending process (?<pid>\d{1,10}) closing signal SIG|Killing subprocess (?<pidToo>\d{1,10})/,
  },
  // ---- a run that came to its end: Hugging Face's Trainer, Lightning, W&B
  {
    class: 'finished',
    role: 'evidence',
    hints: [
      "'train_runtime': ",
      '`Trainer.fit` stopped: ',
      'Training completed.',
      'process to finish... (success)',
    ],
    pattern:
      /^\{.{0,400}'train_runtime': |`Trainer\.fit` stopped: `max_|^\s{0,8}Training completed\. Do not forget|process to finish\.\.\. \(success\)/m,
  },
  {
    // Less sure than the above: a program may say so behind a failure, too. torchtitan, Megatron-LM, hand-written loops
    class: 'done',
    role: 'evidence',
    hints: [
      'raining complete',
      'raining finished',
      'raining is complete',
      'raining is done',
      'raining is finished',
      'raining done',
      'raining has finished',
      'inished training',
    ],
    pattern:
      /\b[Tt]raining (?:is |has )?(?:completed?|finished|done)\b(?! (?:step|iter|epoch|\d))|\b[Ff]inished training\b(?! (?:step|iter|epoch|\d))/,
  },
  {
    // Before its last step, and on purpose: Keras, Lightning, LightGBM, XGBoost, Megatron-LM, hand-written loops
    class: 'done',
    role: 'evidence',
    hints: [
      'arly stopping',
      'topping early',
      'topping training early',
      'ignaling Trainer to stop',
      'topping. Best iteration',
      'xiting program a',
    ],
    pattern:
      /\b[Ee]arly stopping(?:, best iteration\b.{0,80}| (?:triggered|activated|reached|at (?:step|epoch|iter)|after \d).{0,80})?[.!:]{0,3}$|\b[Ss]topping (?:training )?early\b|\b[Ss]ignaling Trainer to stop|\b[Ss]topping\. Best iteration|\b[Ee]xiting program (?:at iteration|after) \d/m,
  },
  {
    class: 'recovered',
    role: 'evidence',
    hints: ['nfs: server '],
    pattern: /nfs: server \S{1,200} OK$/m,
  },
];

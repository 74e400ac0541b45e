/**
 * Texts of failures as programs print them, with what is to be observed in each. Numbers, hosts and paths are changed; the words are those
 * of the sources that src/train/observations/signatures.ts names, and of public issues.
 */
export interface FailureText {
  class: string;
  role: 'root' | 'cascade' | 'evidence' | 'warning';
  text: string;
  details?: Record<string, unknown>;
}

const raised = (exception: string) =>
  `Traceback (most recent call last):\n  File "/workspace/train.py", line 88, in <module>\n    main()\n${exception}\n`;

export const failureTexts: readonly FailureText[] = [
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: '[rank5]:[E1123 04:12:33.408271999 ProcessGroupNCCL.cpp:688] [Rank 5] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=4312, OpType=ALLREDUCE, NumelIn=25557032, NumelOut=25557032, Timeout(ms)=600000) ran for 600087 milliseconds before timing out.',
    details: { sequence: 4312, operation: 'ALLREDUCE', timeoutMs: 600000, ranMs: 600087, writer: 5 },
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: '[E ProcessGroupNCCL.cpp:828] [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(OpType=_ALLGATHER_BASE, Timeout(ms)=1800000) ran for 1804406 milliseconds before timing out.',
    details: { operation: '_ALLGATHER_BASE', writer: 1 },
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: raised(
      'RuntimeError: [../third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 10000ms for recv operation to complete',
    ),
    details: { timeoutMs: 10000, operation: 'recv', end: 'likely' },
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: raised('RuntimeError: [Rank 0]: Ranks 1, 3 failed to pass monitoredBarrier in 2000 ms'),
    details: { ranks: [1, 3] },
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: '[rank0]:[E ProcessGroupNCCL.cpp:1282] [PG 0 Rank 0] Received a dump signal due to a collective timeout from rank 3 and we will try our best to dump the debug info.',
    details: { ranks: [3] },
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: raised(
      'torch.distributed.DistStoreError: Timed out after 1801 seconds waiting for clients. 7/8 clients joined.',
    ),
  },
  {
    class: 'nccl-position',
    role: 'evidence',
    text: '[rank3]:[E ProcessGroupNCCL.cpp:616] [PG 0 Rank 3] Timeout at NCCL work: 1580, last enqueued NCCL work: 1582, last completed NCCL work: 1579.',
    details: { enqueued: 1582, completed: 1579 },
  },
  {
    class: 'nccl-abort',
    role: 'cascade',
    text: '[E ProcessGroupNCCL.cpp:494] To avoid data inconsistency, we are taking the entire process down.',
  },
  {
    class: 'watchdog-hang',
    role: 'root',
    text: "[rank0]:[F ProcessGroupNCCL.cpp:1385] [PG 0 Rank 0] ProcessGroupNCCL's watchdog got stuck for 480 seconds without making progress in monitoring enqueued collectives.",
  },
  {
    class: 'desync',
    role: 'root',
    text: raised(
      'RuntimeError: Detected mismatch between collectives on ranks. Rank 1 is running collective: CollectiveFingerPrint(SequenceNumber=4, OpType=ALLREDUCE), but Rank 0 is running collective: CollectiveFingerPrint(SequenceNumber=4, OpType=BARRIER).',
    ),
    details: { ranks: [1] },
  },
  {
    class: 'ib',
    role: 'root',
    text: 'node7:2412:3110 [0] NCCL WARN NET/IB : Got completion from peer 10.0.4.7<41543> with status=12 opcode=0 len=0 vendor err 129 (Send) localGid fe80::1',
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: "node7:2412:3110 [0] transport/p2p.cc:275 NCCL WARN Cuda failure 2 'out of memory'",
  },
  {
    class: 'nccl-generic',
    role: 'cascade',
    text: raised(
      'torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1691, unhandled system error (run with NCCL_DEBUG=INFO for details), NCCL version 2.19.3',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.37 GiB. GPU 3 has a total capacity of 79.11 GiB of which 612.50 MiB is free.',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'RuntimeError: CUDA out of memory. Tried to allocate 512.00 MiB (GPU 0; 39.59 GiB total capacity; 36.71 GiB already allocated)',
    ),
    details: { gpu: '0' },
  },
  { class: 'cuda-oom', role: 'root', text: raised('RuntimeError: CUDA error: out of memory') },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor with shape[64,512,512] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Failed to allocate request for 5.41GiB (5808979968B) on device ordinal 0',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'ValueError: RESOURCE_EXHAUSTED: Attempting to allocate 3.98G. That was not possible. There are 3.97G free.',
    ),
  },
  {
    // jaxlib 0.10.2 on a CPU
    class: 'host-oom',
    role: 'root',
    text: raised(
      'jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 274877906944 bytes.',
    ),
  },
  {
    // torch 2.15 without a GPU
    class: 'cuda-unavailable',
    role: 'root',
    text: raised('RuntimeError: nccl2 requires at least one CUDA device'),
  },
  {
    class: 'cuda-unavailable',
    role: 'root',
    text: raised('ValueError: ProcessGroupNCCL is only supported with GPUs, no GPUs found!'),
  },
  {
    class: 'crash',
    role: 'root',
    text: 'Fatal Python error: PyEval_RestoreThread: the function must be called with the GIL held\nPython runtime state: initialized\n',
    details: { end: 'sure' },
  },
  {
    // Open MPI 4.1.4
    class: 'not-started',
    role: 'root',
    text: 'mpirun was unable to find the specified executable file, and therefore\ndid not launch the job.',
  },
  {
    class: 'not-started',
    role: 'root',
    text: 'There are not enough slots available in the system to satisfy the 64\nslots that were requested by the application:',
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: 'F1123 10:00:00.943920   25277 client.h:80] Terminating process because the JAX distributed service detected fatal errors. This most likely indicates that another task died; see the other task logs for more details.',
    details: { end: 'sure' },
  },
  {
    class: 'crash',
    role: 'root',
    text: '2026-11-23T10:00:00.306000123Z Fatal Python error: Aborted',
    details: { end: 'sure' },
  },
  {
    // Slurm 22.05
    class: 'not-started',
    role: 'root',
    text: 'slurmstepd-node7: error: execve(): pythonx: No such file or directory',
  },
  {
    // Ray 2.60
    class: 'worker-death',
    role: 'cascade',
    text: '[Rank 1 Error Snippet]:',
    details: { ranks: [1] },
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised('ray.train.WorkerGroupError: Training failed due to worker errors:'),
    details: { end: 'likely' },
  },
  {
    // torch 2.15, /dev/shm of 4 MiB
    class: 'dataloader',
    role: 'root',
    text: raised(
      'RuntimeError: unable to allocate shared memory(shm) for file </torch_21745_683195978_0>: No space left on device (28)',
    ),
  },
  {
    class: 'dataloader',
    role: 'root',
    text: raised('RuntimeError: unable to write to file </torch_18692_1954506624>'),
  },
  // R 4.2
  { class: 'r', role: 'root', text: 'Execution halted', details: { end: 'sure' } },
  // Julia
  {
    class: 'julia',
    role: 'root',
    text: 'ERROR: LoadError: UndefVarError: `x` not defined',
    details: { end: 'sure' },
  },
  { class: 'host-oom', role: 'root', text: 'ERROR: LoadError: OutOfMemoryError()' },
  {
    class: 'cuda-oom',
    role: 'root',
    text: 'ERROR: LoadError: Out of GPU memory trying to allocate 1.000 GiB',
  },
  { class: 'interrupted', role: 'root', text: 'ERROR: LoadError: InterruptException:' },
  {
    class: 'ecc',
    role: 'root',
    text: raised('RuntimeError: CUDA error: uncorrectable ECC error encountered'),
  },
  {
    class: 'cuda-unavailable',
    role: 'root',
    text: raised(
      'RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU',
    ),
  },
  {
    class: 'cuda-error',
    role: 'root',
    text: raised(
      'torch.AcceleratorError: CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.',
    ),
  },
  {
    class: 'cuda-error',
    role: 'root',
    text: raised('RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED'),
  },
  {
    class: 'xid',
    role: 'root',
    text: '[Sun Feb 23 16:24:18 2025] NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s of waiting for RPC response from GPU4 GSP!',
    details: { xid: 119, gpu: '0000:9b:00', pid: 2024380 },
  },
  {
    class: 'xid',
    role: 'root',
    text: "kern  :warn  : 2025-01-21T04:41:44,283302+00:00 NVRM: Xid (PCI:0000:38:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
    details: { xid: 79 },
  },
  {
    class: 'xid',
    role: 'evidence',
    text: '[  12.5] NVRM: Xid (PCI:0000:38:00): 43, pid=2924364, name=pt_main_thread, Ch 00000008',
  },
  {
    class: 'sxid',
    role: 'root',
    text: '[Jan 01 2025 10:00:00] [ERROR] [tid 1] detected NVSwitch fatal error 20034 on fid 0 on NVSwitch pci bus id 00000000:86:00.0',
  },
  {
    class: 'sxid',
    role: 'evidence',
    text: '[Jan 01 2025 10:00:00] [ERROR] [tid 1] detected NVSwitch non-fatal error 12028 on fid 0 on NVSwitch pci bus id 00000000:86:00.0',
  },
  { class: 'disk-full', role: 'root', text: raised('OSError: [Errno 28] No space left on device') },
  {
    class: 'disk-full',
    role: 'root',
    text: raised('RuntimeError: [enforce fail at inline_container.cc:337] . unexpected pos 320 vs 248'),
  },
  { class: 'storage', role: 'root', text: '[ 991.1] nfs: server 10.0.0.5 not responding, still trying' },
  {
    class: 'host-oom',
    role: 'root',
    text: '[Mon Nov 23 10:35:00 2026] Memory cgroup out of memory: Killed process 10004 (busybox) total-vm:42544kB, anon-rss:40320kB',
    details: { pid: 10004 },
  },
  {
    class: 'host-oom',
    role: 'evidence',
    text: '[Mon Nov 23 10:35:00 2026] busybox invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
  },
  {
    class: 'host-oom',
    role: 'root',
    text: 'slurmstepd: error: Detected 1 oom_kill event in StepId=4242.0. Some of the step tasks have been OOM Killed.',
  },
  {
    class: 'host-oom',
    role: 'root',
    text: raised(
      "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000000000 bytes.",
    ),
  },
  { class: 'host-oom', role: 'root', text: raised('MemoryError') },
  {
    class: 'host-oom',
    role: 'root',
    text: raised(
      'numpy._core._exceptions._ArrayMemoryError: Unable to allocate 728. TiB for an array with shape (10000000, 10000000)',
    ),
  },
  {
    class: 'host-oom',
    role: 'root',
    text: raised(
      'ResourceExhaustedError: OOM when allocating tensor with shape[1] on /job:localhost/device:CPU:0 by allocator cpu',
    ),
  },
  {
    class: 'dataloader',
    role: 'root',
    text: raised('RuntimeError: DataLoader worker (pid 7891) is killed by signal: Killed. '),
    details: { pid: 7891 },
  },
  {
    class: 'dataloader',
    role: 'root',
    text: raised('RuntimeError: DataLoader worker (pid(s) 7891, 7892) exited unexpectedly'),
  },
  {
    class: 'worker-died',
    role: 'root',
    text: raised(
      'concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated abruptly while the future was running or pending.',
    ),
  },
  {
    class: 'worker-died',
    role: 'root',
    text: 'A process in the process pool was terminated abruptly while the future was running or pending.',
  },
  {
    class: 'nan',
    role: 'root',
    text: raised("RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output."),
  },
  { class: 'nan', role: 'root', text: 'Loss is nan, stopping training' },
  {
    // stable-baselines3 2.9 on PyTorch 2.15, after a step with a learning rate that was NaN.
    class: 'nan',
    role: 'root',
    text: raised(
      'ValueError: Expected parameter logits (Tensor of shape (64, 2)) of distribution Categorical(logits: torch.Size([64, 2])) to satisfy the constraint IndependentConstraint(Real(), 1), but found invalid values:\ntensor([[nan, nan],',
    ),
  },
  {
    class: 'nan',
    role: 'root',
    text: raised(
      'ValueError: Expected parameter loc (Tensor of shape (1, 6)) of distribution Normal(loc: torch.Size([1, 6]), scale: torch.Size([1, 6])) to satisfy the constraint Real(), but found invalid values:\ntensor([[nan, nan],',
    ),
  },
  {
    class: 'nan',
    role: 'root',
    text: raised('RuntimeError: probability tensor contains either `inf`, `nan` or element < 0'),
  },
  {
    class: 'nan',
    role: 'root',
    text: raised(
      'ValueError: Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed.',
    ),
  },
  {
    class: 'overflow',
    role: 'root',
    text: raised(
      'Exception: Current loss scale already at minimum - cannot decrease scale anymore. Exiting run.',
    ),
  },
  {
    class: 'overflow',
    role: 'warning',
    text: '[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 65536, reducing to 32768',
  },
  {
    class: 'spike',
    role: 'warning',
    text: 'Rank 3, node n, device 0, iteration 15: Unexpected result 9.5 (message=Spiky loss)',
  },
  { class: 'sdc', role: 'warning', text: 'Possible transient error! Rerun gives another result.' },
  {
    class: 'scheduler',
    role: 'root',
    text: 'slurmstepd: error: *** JOB 4242 ON node7 CANCELLED AT 2026-11-23T10:00:00 DUE TO TIME LIMIT ***',
    details: { end: 'sure' },
  },
  {
    class: 'terminated',
    role: 'root',
    text: 'slurmstepd: error: *** JOB 4242 ON node7 CANCELLED AT 2026-11-23T10:00:00 ***',
  },
  { class: 'terminated', role: 'root', text: '[rank: 0] Received SIGTERM: 15' },
  {
    class: 'terminated',
    role: 'root',
    text: 'W1123 10:00:14.952000 20519 torch/distributed/elastic/agent/server/api.py:704] Received 15 death signal, shutting down workers',
  },
  {
    class: 'interrupted',
    role: 'root',
    text: 'WARNING:torch.distributed.elastic.agent.server.api:Received Signals.SIGINT death signal, shutting down workers',
  },
  {
    class: 'interrupted',
    role: 'root',
    text: 'Detected KeyboardInterrupt, attempting graceful shutdown ...',
  },
  { class: 'interrupted', role: 'root', text: raised('KeyboardInterrupt') },
  {
    class: 'crash',
    role: 'root',
    text: 'Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007efec9d83b80 (most recent call first):\n  File "/workspace/fails.py", line 6 in <module>',
  },
  {
    class: 'crash',
    role: 'root',
    text: 'kern  :warn  : 2025-01-21T04:41:44,285060+00:00 pt_main_thread[2536443]: segfault at 7f797fe00000 ip 00007f7c7ac69996 sp 00007f7c12fd7c30 error 4 in libnccl.so.2[7f7c7ac00000+d3d3000]',
    details: { pid: 2536443 },
  },
  { class: 'crash', role: 'root', text: 'double free or corruption (!prev)' },
  {
    class: 'hang-dump',
    role: 'root',
    text: 'Timeout (0:00:01)!\nThread 0x00007f744d982b80 (most recent call first):\n  File "/workspace/fails.py", line 10 in <module>',
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised(
      'RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:598] Connection closed by peer [127.0.0.1]:18304',
    ),
  },
  {
    class: 'worker-death',
    role: 'evidence',
    text: 'W1123 10:00:14.952000 20519 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 20577 closing signal SIGTERM',
    details: { pid: 20577 },
  },
  {
    class: 'finished',
    role: 'evidence',
    text: "{'train_runtime': 0.3994, 'train_samples_per_second': 600.923, 'train_loss': 6.2, 'epoch': 0.6}",
  },
  {
    class: 'done',
    role: 'evidence',
    text: '[titan] 2026-11-23 10:00:00,000 - root - INFO - Training completed',
  },
  ...[
    'Epoch 7: early stopping',
    'Monitored metric val_loss did not improve in the last 3 records. Best score: 0.412. Signaling Trainer to stop.',
    'Early stopping, best iteration is:',
    'Early stopping at epoch 12!',
    'INFO train: stopping early, patience is exhausted',
    '[exiting program at iteration 500] datetime: 2026-11-23 10:00:00',
  ].map((text) => ({ class: 'done', role: 'evidence' as const, text })),
  { class: 'recovered', role: 'evidence', text: '[ 995.2] nfs: server 10.0.0.5 OK' },
  // ---- exceptions without a class of their own
  {
    class: 'python',
    role: 'root',
    text: raised('ValueError: shape mismatch'),
    details: { exception: 'ValueError', end: 'likely' },
  },
  {
    class: 'python',
    role: 'root',
    text: raised('ConnectionResetError: [Errno 104] Connection reset by peer'),
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised('torch.distributed.elastic.multiprocessing.errors.ChildFailedError: '),
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised(
      "subprocess.CalledProcessError: Command '['python', 'train.py']' returned non-zero exit status 1.",
    ),
    details: { exitCode: 1 },
  },
  {
    class: 'killed',
    role: 'root',
    text: raised(
      "subprocess.CalledProcessError: Command '['python', 'train.py']' died with <Signals.SIGKILL: 9>.",
    ),
    details: { signal: 9 },
  },
  {
    class: 'killed',
    role: 'root',
    text: raised(
      'torch.multiprocessing.spawn.ProcessExitedException: process 1 terminated with signal SIGKILL',
    ),
    details: { signal: 9, ranks: [1] },
  },
  // ---- exit statuses
  {
    class: 'killed',
    role: 'root',
    text: '[3]:\n  time      : 2026-11-23_10:02:26\n  host      : localhost\n  rank      : 3 (local_rank: 3)\n  exitcode  : -9 (pid: 22436)\n  error_file: <N/A>\n  traceback : Signal 9 (SIGKILL) received by PID 22436',
    details: { ranks: [3], exitCode: -9, signal: 9, pid: 22436 },
  },
  {
    class: 'crash',
    role: 'root',
    text: 'ERROR:torch.distributed.elastic.multiprocessing.api:failed (exitcode: -11) local_rank: 0 (pid: 22164) of binary: /usr/bin/python',
    details: { exitCode: -11, pid: 22164 },
  },
  {
    class: 'crash',
    role: 'root',
    text: '/workspace/job.sh: line 1:  7431 Segmentation fault      (core dumped) python train.py',
    details: { signal: 11, pid: 7431 },
  },
  { class: 'killed', role: 'root', text: 'Killed' },
  { class: 'killed', role: 'root', text: 'command terminated with exit code 137' },
  { class: 'terminated', role: 'root', text: 'Terminated' },
  {
    class: 'worker-death',
    role: 'cascade',
    text: 'srun: error: node7: tasks 0-2,5: Exited with exit code 1',
    details: { ranks: [0, 1, 2, 5], exitCode: 1 },
  },
  {
    class: 'host-oom',
    role: 'root',
    text: 'srun: error: node7: task 3: Out Of Memory',
    details: { ranks: [3] },
  },
  {
    class: 'killed',
    role: 'root',
    text: 'mpirun noticed that process rank 3 with PID 1234 on node n7 exited on signal 9 (Killed).',
    details: { ranks: [3], pid: 1234 },
  },
  {
    class: 'killed',
    role: 'root',
    text: "[2026-11-23 10:00:00,000] [ERROR] [launch.py:321:sigkill_handler] ['python', 'train.py'] exits with return code = -9",
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: '[rank: 1] Child process with PID 1234 terminated with code 1. Forcefully terminating all other processes to avoid zombies',
    details: { ranks: [1] },
  },
  { class: 'finished', role: 'evidence', text: 'exit code 0' },
  {
    class: 'cuda-unavailable',
    role: 'warning',
    text: '/usr/lib/python3/site-packages/torch/cuda/__init__.py:107: UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040).',
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 20.00G of 15.75G hbm.',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'RuntimeError: MPS backend out of memory (MPS allocated: 5.05 GB, other allocations: 2.31 MB, max allowed: 9.07 GB).',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised(
      'RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB (NPU 0; 60.97 GiB total capacity; 58.1 GiB already allocated)',
    ),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised('ResourceExhaustedError: '),
  },
  {
    class: 'nccl-generic',
    role: 'cascade',
    text: raised('RuntimeError: NCCL Error 1: unhandled cuda error'),
  },
  {
    class: 'ib',
    role: 'root',
    text: 'node7:2412:3110 [0] transport/net_ib.cc:1296 NCCL WARN NET/IB : Got completion from peer 10.0.4.7<41543> with error 12, opcode 0, len 0, vendor err 129 (Send)',
  },
  {
    class: 'ib',
    role: 'root',
    text: 'node7:2412:3110 [0] NCCL WARN NET/IB: Got completion from peer 10.0.4.7<41543> with status=IBV_WC_RETRY_EXC_ERR(12) opcode=IBV_WC_SEND(0)',
  },
  {
    class: 'ib',
    role: 'root',
    text: 'node7:2412:3110 [0] transport/net_ib.cc:92 NCCL WARN NET/IB : mlx5_0:1 Got async event : port error',
  },
  {
    class: 'cuda-error',
    role: 'root',
    text: '../aten/src/ATen/native/cuda/Indexing.cu:1290: indexSelectLargeIndex: block: [123,0,0], thread: [0,0,0] Assertion `srcIndex < srcSelectDimSize` failed.',
  },
  {
    class: 'cuda-unavailable',
    role: 'root',
    text: raised(
      'RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized',
    ),
  },
  {
    class: 'cuda-unavailable',
    role: 'root',
    text: raised(
      'RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False.',
    ),
  },
  {
    class: 'host-oom',
    role: 'root',
    text: '(raylet) [2024-01-01 00:00:00,000 E 1 1] (raylet) node_manager.cc:3064: 1 Workers (tasks / actors) killed due to memory pressure (OOM), 0 Workers crashed due to other reasons',
  },
  {
    class: 'worker-died',
    role: 'root',
    text: raised(
      'RuntimeError: One of the subprocesses has abruptly died during map operation.To debug the error, disable multiprocessing.',
    ),
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised('ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.'),
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised('horovod.common.exceptions.HorovodInternalError: Horovod has been shut down.'),
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: 'Out of memory error on GPU 0. Cannot allocate 1.00GB memory on GPU 0, 15.5GB memory has been allocated',
  },
  {
    class: 'scheduler',
    role: 'root',
    text: 'srun: error: Node failure on node7',
  },
  {
    class: 'nan',
    role: 'root',
    text: raised('FloatingPointError: Loss became infinite or NaN at iteration=100!'),
  },
  // Ultralytics 8.4.190 and Lightning 2.6.6.
  {
    class: 'nan',
    role: 'root',
    text: raised('RuntimeError: Training failed: NaN persisted for 4 epochs'),
  },
  {
    class: 'nan',
    role: 'root',
    text: 'Monitored metric train_loss_epoch = nan is not finite. Previous best value was inf. Signaling Trainer to stop.',
  },
  {
    class: 'nan',
    role: 'root',
    text: raised('ValueError: epoch: 1 step: 10. Invalid loss, terminating training.'),
  },
  {
    class: 'nan',
    role: 'root',
    text: 'ERROR:tensorflow:Model diverged with loss = NaN.',
  },
  {
    class: 'nan',
    role: 'root',
    text: raised('FloatingPointError: invalid value (nan) encountered in jit(train_step)'),
  },
  {
    class: 'nan',
    role: 'root',
    text: raised(
      'tensorflow.python.framework.errors_impl.InvalidArgumentError: Gradient for dense/kernel:0 is NaN : Tensor had NaN values',
    ),
  },
  {
    class: 'disk-full',
    role: 'root',
    text: raised('OSError: 10240 requested and 0 written'),
  },
  {
    class: 'storage',
    role: 'root',
    text: raised("OSError: [Errno 30] Read-only file system: '/ckpt'"),
  },
  {
    class: 'storage',
    role: 'root',
    text: raised("OSError: [Errno 107] Transport endpoint is not connected: '/mnt/data'"),
  },
  {
    class: 'crash',
    role: 'root',
    text: '[node7:12345] *** Process received signal ***\n[node7:12345] Signal: Segmentation fault (11)',
  },
  {
    class: 'crash',
    role: 'root',
    text: '*** SIGSEGV (@0x0) received by PID 1234 (TID 0x7f00) from PID 0; stack trace: ***',
  },
  {
    class: 'crash',
    role: 'root',
    text: '!!!!!!! Segfault encountered !!!!!!!',
  },
  {
    class: 'crash',
    role: 'root',
    text: "terminate called after throwing an instance of 'std::runtime_error'\n  what():  boom",
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: "terminate called after throwing an instance of 'c10::DistBackendError'\n  what():  [PG 0 Rank 1] Process group watchdog thread terminated with exception: [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600087 milliseconds before timing out.",
  },
  {
    class: 'host-oom',
    role: 'root',
    text: '2m  Warning  Evicted  pod/train-0  The node was low on resource: memory. Threshold quantity: 100Mi, available: 30Mi.',
  },
  {
    class: 'disk-full',
    role: 'root',
    text: 'The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi.',
  },
  {
    class: 'disk-full',
    role: 'root',
    text: 'Pod ephemeral local storage usage exceeds the total limit of containers 20Gi.',
  },
  {
    class: 'scheduler',
    role: 'root',
    text: '1m  Normal  Preempted  pod/train-0  Preempted by pod 6f3c-11aa on node gpu-7',
  },
  { class: 'host-oom', role: 'root', text: '=>> PBS: job killed: mem 68000000kb exceeded limit 67108864kb' },
  {
    class: 'host-oom',
    role: 'root',
    text: 'TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.',
  },
  { class: 'scheduler', role: 'root', text: '004 (123.000.000) 2026-11-23 12:00:00 Job was evicted.' },
  { class: 'terminated', role: 'root', text: 'TERM_OWNER: job killed by owner.' },
  {
    class: 'crash',
    role: 'root',
    text: 'F0000 00:00:1795441920.123456   99 pjrt_stream.cc:32] Check failed: buffer != nullptr (0 vs. 1)',
  },
  {
    class: 'crash',
    role: 'root',
    text: '2026-11-23 12:00:00.123456: F tensorflow/core/framework/tensor.cc:733] Check failed: dtype() == expected_dtype (1 vs. 2)',
  },
  { class: 'crash', role: 'root', text: "python: /src/foo.cc:32: void f(int): Assertion `x > 0' failed." },
  {
    class: 'crash',
    role: 'root',
    text: "thread 'main' panicked at src/main.rs:10:5:\ncalled `Option::unwrap()` on a `None` value",
  },
  {
    class: 'crash',
    role: 'root',
    text: 'libc++abi: terminating due to uncaught exception of type std::runtime_error: [metal::malloc] Resource limit (499000) exceeded.',
  },
  ...[
    'train.py: error: unrecognized arguments: --lrr 0.1',
    "train.py: error: argument --lr: invalid float value: 'fast'",
    'torchrun: error: the following arguments are required: training_script, training_script_args',
    'accelerate <command> [<args>] launch: error: unrecognized arguments: --x',
    'Error: No such option: --lrr Did you mean --lr?',
    "Error: Invalid value for '--lr': 'fast' is not a valid float.",
    '│ No such option: --lrr                     │',
    "Could not override 'optim.lrr'.\nTo append to your config use +optim.lrr=0.1",
    "python: can't open file '/w/trian.py': [Errno 2] No such file or directory",
    '/usr/bin/python3: No module named axolotl',
    'SyntaxError: invalid syntax',
    '/var/spool/slurmd/job00123/slurm_script: line 12: torchrun: command not found',
    '/bin/sh: 1: accelerate: not found',
    'zsh: command not found: python',
    'slurmstepd: error: execve(): /w/train.sh: No such file or directory',
  ].map((text): FailureText => ({ class: 'not-started', role: 'root', text })),
  {
    class: 'worker-death',
    role: 'cascade',
    text: 'MPI_ABORT was invoked on rank 2 in communicator MPI_COMM_WORLD',
    details: { ranks: [2] },
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: 'F1123 12:00:00.2 99 client.h:80] Terminating process because the JAX distributed service detected fatal errors. This most likely indicates that another task died.',
  },
  {
    class: 'cuda-error',
    role: 'root',
    text: 'Error an illegal memory access was encountered at line 74 in file /src/csrc/ops.cu',
  },
  {
    class: 'cuda-oom',
    role: 'root',
    text: raised('tensorflow.python.framework.errors_impl.ResourceExhaustedError: Graph execution error:'),
  },
  { class: 'killed', role: 'root', text: 'zsh: killed     python train.py', details: { signal: 9 } },
  {
    class: 'crash',
    role: 'root',
    text: 'zsh: segmentation fault (core dumped)  python train.py',
    details: { signal: 11 },
  },
  {
    class: 'killed',
    role: 'root',
    text: "fish: Job 1, 'python train.py' terminated by signal SIGKILL (Forced quit)",
    details: { signal: 9 },
  },
  { class: 'killed', role: 'root', text: 'Killed: 9', details: { signal: 9 } },
  {
    class: 'killed',
    role: 'root',
    text: '[1]+  Killed                  python train.py',
    details: { signal: 9 },
  },
  { class: 'crash', role: 'root', text: 'Abort trap: 6', details: { signal: 6 } },
  { class: 'killed', role: 'root', text: '      Exit Code:    137', details: { exitCode: 137, signal: 9 } },
  {
    class: 'worker-death',
    role: 'cascade',
    text: '2026-11-23 16:03:15.140058: E external/tsl/tsl/distributed_runtime/coordination/coordination_service.cc:954] /job:jax_worker/replica:0/task:37 has been set to ERROR in coordination service: UNAVAILABLE: Task /job:jax_worker/replica:0/task:37 heartbeat timeout.',
    details: { ranks: [37] },
  },
  {
    class: 'collective-timeout',
    role: 'cascade',
    text: raised(
      'jaxlib.xla_extension.XlaRuntimeError: DEADLINE_EXCEEDED: Barrier timed out. Barrier_id: PjRT_Client_Connect. Timed out task names:\n/job:jax_worker/replica:0/task:1\n/job:jax_worker/replica:0/task:6',
    ),
  },
  {
    class: 'crash',
    role: 'root',
    text: 'srun: error: n1: task 5: Segmentation fault (core dumped)',
    details: { ranks: [5], signal: 11, host: 'n1' },
  },
  {
    class: 'terminated',
    role: 'root',
    text: ' [2026-11-23 12:00:00] exiting program after receiving SIGTERM.',
  },
  { class: 'host-oom', role: 'root', text: 'bash: fork: Cannot allocate memory' },
  {
    class: 'worker-death',
    role: 'cascade',
    text: raised(
      'torch.distributed.elastic.rendezvous.api.RendezvousConnectionError: The connection to the C10d store has failed.',
    ),
  },
  {
    class: 'worker-death',
    role: 'cascade',
    text: 'The replica workerpool0-0 exited with a non-zero status of 1.',
    details: { exitCode: 1 },
  },
];

/** What looks like one of them, and says of no failure. */
export const harmlessTexts: readonly string[] = [
  'Metric val_loss improved by 0.006 >= min_delta = 0.0. New best score: 0.263',
  'WARNING ⚠️ Loss NaN/Inf detected (attempt 1/3), recovering from last.pt...',
  'CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.',
  'Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.',
  'step=10 error_rate=0.25 loss=1.5',
  '{"step": 3, "loss": 1.5, "error_rate": 0.5, "timeouts": 0}',
  '/w/train.py:65: UserWarning: lr_scheduler.step() before optimizer.step()\n  import warnings',
  '2026-11-23 10:00:00,000 INFO train: killed 3 stale workers of the last run, terminated cleanly',
  '2026-11-23 10:00:00,000 INFO train: NCCL timeout is set to 600000 ms',
  '2026-11-23 10:00:00,000 INFO train: no Xid was seen, no ECC error, memory is fine',
  'NCCL version 2.19.3+cuda12.3',
  'node7:2412:3110 [0] NCCL INFO NET/IB : Using [0]mlx5_0:1/IB [RO]; OOB eth0:10.0.4.7<0>',
  'step=7 val_loss=nan loss=1.5 accuracy=nan',
  'PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True avoids out of memory errors',
  'Killed by the user? No: 12 jobs were Killed elsewhere',
  'Loading checkpoint shards: 100% done, exit codes are checked',
  'The exception hierarchy: ValueError, KeyError, MemoryError',
  'The scale is clamped to satisfy the constraint Real(), see the docs',
  'INFO: the probability tensor contains either zeros or ones',
  'Solver produced finite parameter weights',
  'WARNING grad norm high at 13: 2.750',
  'Timeout (in seconds): 30',
  '[INFO] [config.py:678:print]   check_grad_overflow=True',
  'INFO: no OOMKilled pods were found',
  'Terminated training early at the best epoch',
  'EarlyStopping counter: 3 out of 10',
  'early stopping patience: 5',
  'Early stopping: False',
  'Read-only file system checks are done, 5 requested and done',
  "2026-11-23 10:00:00,000 INFO check: Assertion `x > 0' failed. skipping",
  'W1123 12:00:00.0 99 pjrt.cc:32] Check failed: retrying',
  'Missing option in the settings: the default is used',
  'bash: module: command not found',
  '/usr/bin/which: no nvcc',
  'request preempted by a higher priority one on worker 3',
  'MPI_ABORT is enabled',
  'Execution halted by the debugger, going on',
  'Error in f(1) : bad batch',
  'Warning message:\nIn c(1:3) + c(1:2) :\n  longer object length is not a multiple of shorter object length',
  '2026-11-23 10:00:00,000 ERROR: LoadError: 0',
  'unable to write to file /data/torch_log.txt, will try again',
  'Errors of [Rank 1 Error Snippet]: none',
  'mpirun was able to find the specified executable file',
  'There are not enough slots left in the queue',
  'In case of a Fatal Python error: see the core dump',
  '2026-11-23T10:00:00.306000123Z Fatal Python errors: 0',
  'RESOURCE_EXHAUSTED: 0, UNAVAILABLE: 0',
  'nccl2 is used on CUDA devices',
  'Graph execution error: none\n\t [[{{node a}}]]',
  'The node was low on memory earlier',
  'Error 0.123 at line 3 in file train.csv',
  'Error: 0.123 (validation)',
  'usage: train.py [-h] [--lr LR]',
  "thread 'main' joined",
  '{"text": "Segmentation fault (core dumped)", "label": 1}',
  '{"text": "Traceback (most recent call last):", "label": 0}',
];

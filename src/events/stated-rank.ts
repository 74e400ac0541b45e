/**
 * The rank that a line names as its own, behind the head or in it, where no launcher has put it before the line:
 *
 * - accelerate's `[RANK 1] …` (accelerate/logging.py, MultiProcessAdapter), DeepSpeed's `[Rank 0] …` (deepspeed/utils/logging.py, get_dist_msg),
 *   Lightning's `[rank: 1] …` (lightning/fabric/utilities/rank_zero.py), axolotl's `[RANK:0]`, PyTorch's `[PG ID 0 PG GUID 0 Rank 1]`, NeMo's
 *   `[NeMo I 2026-11-23 10:00:00 mod:12 rank:1]`, Composer's `rank1[123][MainThread]:`, and the habits `(rank 2)`, `Rank 1 | …`, `rank=3 step=5 …`;
 * - `Process rank: 1, device: …` (transformers' examples), `rank=1 world_size=4`, `GLOBAL_RANK: 1, MEMBER: 2/2` (Lightning), DeepSpeed's
 *   `OVERFLOW! Rank 0 Skipping step` anywhere;
 * - `rank=1`, `'rank': 1` among statements of a step and a loss, or as what loguru and others were given beside the message.
 * - Ray Train's controller tells of its workers `(ip=10.0.0.1, pid=123) world_rank=1, …` (ray/train/v2/_internal/execution/worker_group; before
 *   version 2.43 with `node_id=…, ` at first), whose lines come behind `(RayTrainWorker pid=123, ip=10.0.0.1) `.
 *
 * Words may speak of another rank (`lost [rank 3]`), and LoRA has a rank of its own: what is not sure is none.
 */

const lineMax = 512;
const tokensMax = 40;
const bracketMax = 96;

const workersMax = 1024;
const worker = /ip=[\w.:]{1,64}, pid=(\d{1,10})\) world_rank=(\d{1,6})\b/;
const pidOf = /\bpid=(\d{1,10})/;

/** The workers of a stream, with the one that a line tells of; by pid. */
export function withWorker(
  workers: Readonly<Record<string, number>> | undefined,
  line: string,
): Readonly<Record<string, number>> | undefined {
  if (!line.includes('world_rank=')) return workers;
  const [, pid, rank] = worker.exec(line) ?? [];
  if (pid === undefined) return workers;
  const isFull = workers !== undefined && Object.keys(workers).length >= workersMax;
  return { ...(isFull ? {} : workers), [pid]: Number(rank) };
}

/** `source`: the prefix of a launcher that names a pid, and no rank. */
export function rankOfWorker(
  workers: Readonly<Record<string, number>> | undefined,
  source: string | null,
): number | null {
  if (workers === undefined || source === null) return null;
  return workers[pidOf.exec(source)?.[1] ?? ''] ?? null;
}

/** Every line is looked at: this is the fastest. */
const named = /[rR](?:ank|ANK)/;

/** `text`: without a launcher's prefix. */
export function readStatedRank(text: string): number | null {
  const line = text.length > lineMax ? text.slice(0, lineMax) : text;
  if (!named.test(line) || settings.test(line) || worker.test(line)) return null;
  return inHead(line) ?? numberOf(ownAnywhere.exec(line)) ?? amongStatements(line);
}

const settings = /lora|adapter|alpha|rank['"]?[=:] ?\d{1,6}[,;]? ?(?:dropout|target|dim|scal|module|layer)/i;

/** Not `local_rank: 3`, `tp rank 0`: ranks within a machine or a group. */
const rankWord = String.raw`(?<!(?:local|node|group|mp|tp|pp|dp|cp|ep|mean|median)[ _.-]?)(?:\b|_)rank(?:[ _]?id)?`;
const mark = String.raw`${rankWord}(?: ?[=:#] ?|[ _-]?)(\d{1,6})(?:\/\d{1,6})?`;
const markFirst = new RegExp(
  String.raw`^(?:(?:global|world|dist|process|worker)[ _-]?)?${mark}(?=$|[\s,;|])`,
  'i',
);
const markLast = new RegExp(String.raw`[\s,;|]${mark}$`, 'i');
/** Behind it stands what ends a head's field, or another field. */
const bareMark = new RegExp(
  String.raw`(?:(?:global|world|dist|process|worker)[ _-]?)?${rankWord}(?: ?[=:] ?(\d{1,6})(?:\/\d{1,6})?(?:[,;|\]]? {1,4}[A-Za-z_[('"|-]| ?[|\]])|[ _-]?(\d{1,6})(?:\/\d{1,6})?(?::(?= |$)| ?\||\[| - |\] ))`,
  'iy',
);
const ownAnywhere =
  /(?:^|[\s,;|([{])(?:(?:global|process|world|distributed)[ _]?)?(?<!local[ _])rank(?:=|: ?| )(\d{1,6}),? (?:world[_ ]size\b|device\b|member\b|local[_ ]rank\b|n_gpu\b)|(?:distributed init \(|\boverflow! )rank (\d{1,6})(?:\)| skipping)/i;
const loggersExtra = /[|-] \{(?:[^{}]{0,80}, )?['"]rank['"]: (\d{1,6})[,}]/;
const statement =
  /(?:^|[\s,;|([{]['"]?)(?:global_|world_)?(?<!(?:local|node|group|mean|median) )rank(?:=|['"]?: ?)(\d{1,6})(?=[\s,;|)\]}]|$)/i;
const counts = /step|iter|epoch/i;
const measures = /loss|acc|lr\b|learning_rate/i;

function amongStatements(line: string): number | null {
  const extra = loggersExtra.exec(line);
  if (extra !== null) return numberOf(extra);
  if (!counts.test(line) || !measures.test(line)) return null;
  return numberOf(statement.exec(line)) ?? pieceOf(line);
}

/** `Epoch 1 | Rank 0 | loss 0.5` */
const piece = /\| {0,4}rank[ :=_-]{0,2}(\d{1,6}) {0,4}\|/i;

function pieceOf(line: string): number | null {
  return numberOf(piece.exec(line));
}

function numberOf(found: RegExpExecArray | null): number | null {
  const digits = found?.[1] ?? found?.[2];
  return digits === undefined ? null : Number(digits);
}

const separator = /[\s|:>,;=\-–]/;
const closings: Readonly<Record<string, string>> = { '[': ']', '(': ')', '<': '>', '{': '}' };
/** A time, a place in the code, a dotted name, a level, a month or day: no word of a sentence. */
const headWord =
  /[\d_.:/@#]|^[A-Z]{1,8}$|^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)$/;
const raised = /(?:Error|Exception|Warning):?$/;

/** Walks over what stands in a line before its message: times, levels, places, anything in brackets. */
function inHead(line: string): number | null {
  let at = 0;
  for (let token = 0; token < tokensMax; token += 1) {
    while (at < line.length && separator.test(line.charAt(at))) at += 1;
    if (at >= line.length) return null;
    const closing = closings[line.charAt(at)];
    if (closing !== undefined) {
      const end = line.indexOf(closing, at);
      if (end < 0 || end - at > bracketMax) return null;
      const inner = line.slice(at + 1, end);
      const rank = numberOf(markFirst.exec(inner)) ?? numberOf(markLast.exec(inner));
      if (rank !== null) return rank;
      at = end + 1;
      continue;
    }
    bareMark.lastIndex = at;
    const bare = numberOf(bareMark.exec(line));
    if (bare !== null) return bare;
    const end = wordEnd(line, at);
    if (!isOfHead(line, at, end)) return null;
    at = end;
  }
  return null;
}

function wordEnd(line: string, start: number): number {
  let end = start;
  while (end < line.length && !/[\s[({<|:]/.test(line.charAt(end))) end += 1;
  return Math.max(end, start + 1);
}

/** Its end: a field's, or that of a program's name, as in `python[123]`. */
const separated = /^(?:\[| {0,12}(?:[|:>]|- ))/;

function isOfHead(line: string, start: number, end: number): boolean {
  const word = line.slice(start, end);
  if (raised.test(word)) return false;
  return headWord.test(word) || separated.test(line.slice(end, end + 16));
}

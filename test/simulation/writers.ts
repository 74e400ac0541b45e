import { crc32 } from 'node:zlib';
import type { Inode, ModelFileSystem } from './model-file-system.ts';
import { tfRecord } from '../core/records/record-bytes.ts';
import { holdsRecords } from './program.ts';
import type { Operation, Shape, StateOperation } from './program.ts';
import type { Random } from './random.ts';

/** The writers of a program: each writes lines that carry log, sequence and checksum, and goes on writing to a file that was renamed or deleted. */
export class Writers {
  readonly #fs: ModelFileSystem;
  readonly #random: Random;
  readonly #paths: readonly string[];
  readonly #open = new Map<number, { inode: Inode; append: boolean; position: number }>();
  #sequence = 0;
  bytesWritten = 0;

  constructor(fs: ModelFileSystem, random: Random, paths: readonly string[]) {
    this.#fs = fs;
    this.#random = random;
    this.#paths = paths;
  }

  perform(operation: Exclude<Operation, StateOperation>): void {
    const fs = this.#fs;
    switch (operation.do) {
      case 'open':
        return this.#reopen(operation.log, operation.append);
      case 'write':
        return this.#write(operation.log, operation.lines, operation.shape);
      case 'extend':
        return this.#extend(operation.log, operation.bytes);
      case 'copyUp':
        return this.#copyUp(operation.log);
      case 'rename':
        return fs.rename(operation.from, operation.to);
      case 'unlink':
        return fs.unlink(operation.path);
      case 'truncate': {
        const inode = fs.fileAt(operation.path);
        if (inode && inode.epoch.size > operation.size) fs.truncate(inode, operation.size);
        return;
      }
      case 'copy':
        return fs.copy(operation.from, operation.to, operation.bytes, operation.stays);
      case 'link':
        return fs.link(operation.path, operation.to);
      case 'symlink':
        return fs.symlink(operation.path, operation.to);
    }
  }

  #reopen(log: number, append: boolean): void {
    const path = this.#paths[log] ?? '';
    const old = this.#open.get(log);
    const inode = this.#fs.fileAt(path) ?? this.#fs.create(path, log);
    inode.writers += 1;
    this.#open.set(log, { inode, append, position: inode.epoch.size });
    if (old) this.#fs.closeWriter(old.inode);
  }

  #write(log: number, lines: number, shape: Shape): void {
    if (!this.#open.has(log)) this.#reopen(log, true);
    const open = this.#open.get(log);
    if (!open) return;
    const isRecords = holdsRecords(this.#paths[log] ?? '');
    const bytes = isRecords ? this.#records(log, lines, shape) : Buffer.from(this.#text(log, lines, shape));
    const { epoch } = open.inode;
    // Without O_APPEND a writer goes on where it was: after a truncation that leaves a hole of zeros.
    const holeBytes = open.append ? 0 : Math.max(0, open.position - epoch.size);
    if (holeBytes > 0) {
      this.#fs.append(open.inode, Buffer.alloc(holeBytes));
      this.bytesWritten += holeBytes;
    }
    this.#fs.append(open.inode, bytes);
    this.bytesWritten += bytes.length;
    open.position = open.inode.epoch.size;
  }

  #extend(log: number, bytes: number): void {
    const open = this.#open.get(log);
    if (!open) return;
    this.#fs.append(open.inode, Buffer.alloc(bytes));
    this.bytesWritten += bytes;
    open.position = open.inode.epoch.size;
  }

  #copyUp(log: number): void {
    const open = this.#open.get(log);
    const path = open && this.#fs.pathOf(open.inode);
    const upper = path ? this.#fs.copyUp(path) : null;
    if (!open || !upper) return;
    upper.writers += 1;
    this.#fs.closeWriter(open.inode);
    open.inode = upper;
  }

  #text(log: number, lines: number, shape: Shape): string {
    if (shape === 'head') return 'time,level,message: the line that all of these files begin with\n';
    const texts = Array.from({ length: lines }, () => this.#line(log));
    switch (shape) {
      case 'whole':
        return texts.map((text) => `${text}\n`).join('');
      case 'progress':
        return texts.map((text) => `${text}\r`).join('');
      case 'unterminated':
        return texts.join('\n');
      case 'torn': {
        const text = texts.map((line) => `${line}\n`).join('');
        return text.slice(this.#random.below(text.length));
      }
    }
  }

  #records(log: number, lines: number, shape: Shape): Buffer {
    const texts = shape === 'head' ? ['the first'] : Array.from({ length: lines }, () => this.#line(log));
    const bytes = Buffer.concat(texts.map((text) => tfRecord(Buffer.from(text))));
    // The rest of a torn one never comes, or what is before it never came.
    if (shape === 'unterminated') return bytes.subarray(0, bytes.length - this.#random.below(40));
    return shape === 'torn' ? bytes.subarray(this.#random.below(bytes.length)) : bytes;
  }

  #line(log: number): string {
    this.#sequence += 1;
    const body = `log ${log} line ${this.#sequence} ${'x'.repeat(this.#random.below(60))}`;
    return `${body} ${crc32(body).toString(16).padStart(8, '0')}`;
  }
}

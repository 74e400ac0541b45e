const bytesMin = 16 * 1024;

/**
 * Gives a large buffer's memory back at once; nobody may look at it any more. Left to the garbage collector, buffers of a segment's size
 * make it walk the whole heap every few sends, and add up to tens of MB until then. A buffer that shares its memory is left alone.
 */
export function freeBuffer(buffer: Buffer): void {
  const memory = buffer.buffer;
  if (buffer.length < bytesMin || memory.byteLength !== buffer.length) return;
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

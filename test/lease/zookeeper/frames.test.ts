import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameParser, encodeFrame, frameBytesMax } from '../../../src/lease/zookeeper/frames.ts';

test('frames come out whole however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (contents, cuts) => {
        const stream = Buffer.concat(contents.map((bytes) => encodeFrame(Buffer.from(bytes))));
        const parser = new FrameParser();
        const frames: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i += 1) {
          const size = cuts[i % cuts.length] ?? 1;
          parser.push(stream.subarray(at, at + size), (body) => frames.push(Buffer.from(body)));
          at += size;
        }
        expect(frames).toEqual(contents.map((bytes) => Buffer.from(bytes)));
      },
    ),
  );
});

test('half a frame is waited for', () => {
  const parser = new FrameParser();
  const frames: string[] = [];
  const onFrame = (body: Buffer): void => void frames.push(body.toString());
  const frame = encodeFrame(Buffer.from('abcdef'));
  parser.push(frame.subarray(0, 3), onFrame);
  parser.push(frame.subarray(3, 7), onFrame);
  expect(frames).toEqual([]);
  parser.push(frame.subarray(7), onFrame);
  expect(frames).toEqual(['abcdef']);
});

test('a length out of bounds is refused at once, with what it looks like', () => {
  const header = Buffer.alloc(4);
  const refused = (length: number): (() => void) => {
    header.writeInt32BE(length);
    return () => new FrameParser().push(Buffer.from(header), () => undefined);
  };
  expect(refused(-1)).toThrow(/a frame of -1 bytes/);
  expect(refused(frameBytesMax + 1)).toThrow(/a frame of/);
  expect(refused(frameBytesMax)).not.toThrow();
  expect(() => new FrameParser().push(Buffer.from('HTTP/1.1 400'), () => undefined)).toThrow(
    /the text "HTTP"/,
  );
});

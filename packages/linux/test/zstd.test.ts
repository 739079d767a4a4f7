import { randomBytes } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import t from 'tap';
import { ZstdCompressor, ZstdDecompressor } from '../src/zstd.ts';

const SAMPLES = [
  Buffer.alloc(0),
  Buffer.from('x'),
  Buffer.alloc(1 << 20, 'shoal of fish '),
  randomBytes(70_000),
  Buffer.alloc(4097, 0),
];

t.test('frames are the standard ones, in both directions', async (t) => {
  const compressor = ZstdCompressor.open(3);
  const decompressor = ZstdDecompressor.open();
  if (compressor === undefined || decompressor === undefined) {
    t.fail('the Node that comes with Shoal exports its libzstd');
    return;
  }
  // Twice: the context and the buffer are used again.
  for (const raw of [...SAMPLES, ...SAMPLES.toReversed()]) {
    const frame = Buffer.from(compressor.compress(raw));
    t.ok(zstdDecompressSync(frame).equals(raw), `${raw.length} bytes are read by node:zlib`);
    const target = Buffer.alloc(raw.length);
    t.equal(decompressor.decompress(zstdCompressSync(raw), target), raw.length);
    t.ok(target.equals(raw), `${raw.length} bytes of node:zlib are read`);
  }
});

t.test('damaged, cut, followed and too large frames are refused', async (t) => {
  const decompressor = ZstdDecompressor.open();
  const raw = Buffer.alloc(5000, 'abcdefg');
  const frame = zstdCompressSync(raw);
  const target = Buffer.alloc(raw.length);
  const wrong: [string, Buffer, Buffer][] = [
    ['noise', randomBytes(100), target],
    ['nothing but a magic', frame.subarray(0, 4), target],
    ['a cut frame', frame.subarray(0, -1), target],
    ['bytes after the frame', Buffer.concat([frame, Buffer.from('junk')]), target],
    ['one byte too little room', frame, target.subarray(1)],
    ['no room', frame, Buffer.alloc(0)],
  ];
  for (const [name, stored, room] of wrong) {
    t.throws(() => decompressor?.decompress(stored, room), RangeError, name);
  }
  t.equal(decompressor?.decompress(frame, target), raw.length, 'the context is usable after that');
});

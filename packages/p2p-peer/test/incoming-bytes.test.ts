/** Messages of any length out of chunks of any length: every boundary, nothing lost, nothing kept. */
import fc from 'fast-check';
import t from 'tap';
import { IncomingBytes } from '../src/wire/messages/incoming-bytes.ts';
import { patternedBlob } from './support/wire-pair.ts';

const bytes = patternedBlob(4096);

/** Feeds chunks of one length list, takes messages of another; all of it must come out. */
function passes(chunks: readonly number[], messages: readonly [number, boolean][]): boolean {
  const incoming = new IncomingBytes();
  const taken: Buffer[] = [];
  let at = 0;
  let next = 0;
  const takeAll = () => {
    for (;;) {
      const [size, isOwn] = messages[next % messages.length] ?? [1, false];
      const message = incoming.take(size, isOwn);
      if (message === undefined) return true;
      if (message.length !== size) return false;
      if (isOwn && message.buffer.byteLength !== size) return false;
      taken.push(Buffer.from(message));
      next += 1;
    }
  };
  for (const size of chunks) {
    const memory = Buffer.from(bytes.subarray(at, at + size));
    incoming.push(memory);
    at += size;
    if (!takeAll()) return false;
    incoming.keep();
    memory.fill(0xee);
  }
  const came = Buffer.concat(taken);
  const [last = 0] = messages[next % messages.length] ?? [];
  return came.equals(bytes.subarray(0, came.length)) && at - came.length < last;
}

t.test('every boundary', async (t) => {
  for (let cut = 0; cut <= 300; cut++) {
    for (const size of [1, 4, 9, 17, 128, 299, 300]) {
      if (!passes([cut, 300 - cut, 300], [[size, cut % 2 === 0]])) t.fail(`${cut} ${size}`);
    }
  }
  t.pass('all of them');
});

t.test('any chunks, any messages', async (t) => {
  const size = fc.integer({ min: 1, max: 200 });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 20 }),
      fc.array(fc.tuple(size, fc.boolean()), { minLength: 1, maxLength: 8 }),
      passes,
    ),
    { numRuns: 2000 },
  );
  t.pass('all of them');
});

t.test('what is not taken yet is kept, whoever has its memory then', async (t) => {
  const incoming = new IncomingBytes();
  const memory = Buffer.alloc(10);
  for (const part of ['0123456789', 'abcdefghij', 'ABCDEFGHIJ']) {
    memory.write(part);
    incoming.push(memory);
    if (part.startsWith('0')) t.equal(incoming.take(3, false)?.toString(), '012');
    incoming.keep();
    memory.fill(0);
  }
  t.equal(incoming.take(4, true)?.toString(), '3456');
  t.equal(incoming.take(8, false)?.toString(), '789abcde');
  t.equal(incoming.take(15, false)?.toString(), 'fghijABCDEFGHIJ');
  t.equal(incoming.take(1, false), undefined);
});

t.test('forgets on demand', async (t) => {
  const incoming = new IncomingBytes();
  incoming.push(bytes.subarray(0, 10));
  t.equal(incoming.take(20, true), undefined);
  incoming.clear();
  incoming.push(bytes.subarray(50, 60));
  t.ok(incoming.take(10, false)?.equals(bytes.subarray(50, 60)));
});

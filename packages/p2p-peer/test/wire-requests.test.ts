/** Requests and their ends: cancelled, refused, closed, in order of priority, so many at once. */
import { setImmediate as turn } from 'node:timers/promises';
import { ShoalError } from '@shoal/errors';
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { BlobWire, ServeCall, ServedBlock, WireServer } from '../src/wire/blob-wire.ts';
import { WireRejectedError } from '../src/wire/errors.ts';
import {
  OUTSTANDING_REQUESTS_MAX,
  READING_BLOCKS_MAX,
  STANDARD_OUTSTANDING_REQUESTS_MAX,
} from '../src/wire/limits.ts';
import { BufferServer, patternedBlob, plainPair, tlsPair } from './support/wire-pair.ts';

const BYTES = 4 << 20;
const BLOCK = 16 << 10;
const blob = patternedBlob(BYTES);
const pairs = { tls: tlsPair, plain: plainPair };

class UnavailableError extends ShoalError {
  override readonly code = 'ERR_P2P_PEER_UNAVAILABLE';
}

type Call = {
  readonly offset: number;
  readonly signal: AbortSignal;
  readonly answer: (bytes: Buffer) => void;
  readonly refuse: (error: Error) => void;
};

/** Answers when a test says so. */
class SlowServer extends BufferServer implements WireServer {
  readonly calls: Call[] = [];

  override serve(_: BlobWire, offset: number, length: number, call?: ServeCall) {
    const { promise, resolve, reject } = Promise.withResolvers<ServedBlock>();
    if (call !== undefined) {
      this.calls.push({
        offset,
        signal: call.signal,
        answer: () => resolve({ bytes: blob.subarray(offset, offset + length) }),
        refuse: reject,
      });
    }
    return promise;
  }

  /** Those that were not cancelled. */
  answerAll(): void {
    for (const { answer, offset } of this.calls.splice(0)) answer(blob.subarray(offset));
  }
}

for (const [name, makePair] of Object.entries(pairs)) {
  t.test(`${name}: an aborted request is cancelled, its place free at once`, async (t) => {
    const server = new SlowServer(blob);
    const { dialled } = await makePair(t, server, BYTES);
    const leaving = new AbortController();
    const asked = dialled.request(0, BLOCK, { priority: 'demand', signal: leaving.signal });
    await until('it is asked for', () => server.calls.length === 1);
    leaving.abort(new Error('no longer wanted'));
    await t.rejects(asked, { message: 'no longer wanted' });
    t.equal(dialled.outstandingBytes, 0);
    await until('the server hears of it', () => server.calls[0]?.signal.aborted === true);
    const again = dialled.request(0, BLOCK, { priority: 'demand' });
    await until('it is asked for again', () => server.calls.length === 2);
    server.answerAll();
    t.ok((await again).equals(blob.subarray(0, BLOCK)), 'the second one is answered once');
    await t.rejects(dialled.request(0, 1, { priority: 'demand', signal: AbortSignal.abort() }), {
      name: 'AbortError',
    });
    t.equal(dialled.closeReason, undefined);
  });

  t.test(`${name}: a block that crosses its cancel is dropped`, async (t) => {
    const { dialled } = await makePair(t, new BufferServer(blob), BYTES);
    for (let round = 0; round < 200; round++) {
      const leaving = new AbortController();
      const { signal } = leaving;
      const asked = dialled.request(round * BLOCK, BLOCK, { priority: 'prefetch', signal });
      const other = dialled.request(0, 100, { priority: 'demand' });
      for (let turns = 0; turns < round % 5; turns++) await turn();
      leaving.abort(new Error('gone'));
      const [result] = await Promise.allSettled([asked]);
      if (result.status === 'rejected') t.match(result.reason, { message: 'gone' });
      t.ok((await other).equals(blob.subarray(0, 100)));
    }
    t.equal(dialled.closeReason, undefined);
    t.equal(dialled.outstandingBytes, 0);
  });

  t.test(`${name}: what the server throws is a reject`, async (t) => {
    const server = new SlowServer(blob);
    const { dialled } = await makePair(t, server, BYTES);
    const asked = [0, 1, 2].map((index) =>
      dialled.request(index * BLOCK, 10, { priority: 'demand' }),
    );
    const settled = Promise.allSettled(asked);
    await until('they are asked for', () => server.calls.length === 3);
    server.calls[0]?.refuse(new WireRejectedError(0, 10));
    server.calls[1]?.refuse(new UnavailableError('not here'));
    server.calls[2]?.answer(blob);
    const [busy, unavailable, right] = await settled;
    t.match(busy, { reason: { code: 'ERR_P2P_WIRE_REJECTED', retryable: true } });
    const code = dialled.isOurs ? 'ERR_P2P_WIRE_UNAVAILABLE' : 'ERR_P2P_WIRE_REJECTED';
    t.match(unavailable, { reason: { code } });
    t.match(right, { status: 'fulfilled' });
  });

  t.test(`${name}: closing rejects everything, at both ends, once`, async (t) => {
    const server = new SlowServer(blob);
    const { dialled, accepted } = await makePair(t, server, BYTES);
    const asked = Array.from({ length: 200 }, (_, index) =>
      dialled.request(index * BLOCK, BLOCK, { priority: 'background' }),
    );
    const settled = Promise.allSettled(asked);
    const under = dialled.isOurs ? OUTSTANDING_REQUESTS_MAX : READING_BLOCKS_MAX;
    await until('some are asked for', () => server.calls.length === under);
    await Promise.all([dialled.close(), dialled.close()]);
    for (const result of await settled) {
      t.match(result, { status: 'rejected', reason: { code: 'ERR_P2P_WIRE_CLOSED' } });
    }
    await dialled.closed;
    await accepted.closed;
    t.ok(server.calls.every(({ signal }) => signal.aborted));
    await t.rejects(dialled.request(0, 1, { priority: 'demand' }), { code: 'ERR_P2P_WIRE_CLOSED' });
    await t.rejects(dialled.askHashes(0, 1), { code: 'ERR_P2P_WIRE_CLOSED' });
    dialled.tellHeld([{ start: 0, end: 1 }]);
    await accepted.close();
    t.equal(dialled.outstandingBytes, 0);
  });
}

t.test(
  'so many at once, the others in order of priority; aborted ones are never sent',
  async (t) => {
    const server = new SlowServer(blob);
    const { dialled } = await tlsPair(t, server, BYTES);
    const first = Array.from({ length: OUTSTANDING_REQUESTS_MAX }, (_, index) =>
      dialled.request(index, 1, { priority: 'background' }),
    );
    await until('the wire is full', () => server.calls.length === OUTSTANDING_REQUESTS_MAX);
    const leaving = new AbortController();
    const later = [
      dialled.request(100, 1, { priority: 'background' }),
      dialled.request(101, 1, { priority: 'prefetch' }),
      dialled.request(102, 1, { priority: 'demand' }),
      dialled.request(103, 1, { priority: 'demand' }),
      dialled.request(105, 1, { priority: 'preheat' }),
    ];
    const aborted = dialled.request(104, 1, { priority: 'demand', signal: leaving.signal });
    leaving.abort(new Error('not any more'));
    await t.rejects(aborted, { message: 'not any more' });
    server.answerAll();
    await Promise.all(first);
    await until('the others are asked for', () => server.calls.length === later.length);
    t.same(
      server.calls.map(({ offset }) => offset),
      [102, 103, 105, 101, 100],
    );
    server.answerAll();
    await Promise.all(later);
  },
);

t.test('of a standard client as many bytes at once, which are more of its blocks', async (t) => {
  const server = new SlowServer(blob);
  const { dialled } = await plainPair(t, server, BYTES);
  const asked = Array.from({ length: BYTES / BLOCK }, (_, index) =>
    dialled.request(index * BLOCK, BLOCK, { priority: 'demand' }),
  );
  const all = Promise.all(asked);
  // The server reads some of what it was asked for; it refuses nothing, so all comes in the end.
  let answered = 0;
  while (answered < asked.length) {
    await until('some are asked for', () => server.calls.length > 0);
    t.ok(server.calls.length <= STANDARD_OUTSTANDING_REQUESTS_MAX);
    answered += server.calls.length;
    server.answerAll();
  }
  const blocks = await all;
  t.ok(Buffer.concat(blocks).equals(blob));
});

t.test('who waits long hears that the other lives', async (t) => {
  const server = new SlowServer(blob);
  const { dialled } = await tlsPair(t, server, BYTES);
  const asked = dialled.request(0, BLOCK, { priority: 'demand' });
  await until('it is asked for', () => server.calls.length === 1);
  for (let signs = 0; signs < 3; signs++) {
    const { heardAtMs } = dialled;
    await until('a sign of life comes', () => dialled.heardAtMs > heardAtMs);
  }
  server.answerAll();
  t.ok((await asked).equals(blob.subarray(0, BLOCK)), 'and has the bytes in the end');
});

/** A host that calls all it wants demand, at a host whose limit of uploads is small: what is left for others. */

import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Priority } from '@shoal/blob-store';
import t, { type Test } from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import { UPLOAD_REFUSED_PEERS_MAX } from '../src/select/limits.ts';
import { UploadTurns } from '../src/select/upload-turns.ts';
import { Uploads } from '../src/select/uploads.ts';
import { UploadPace } from '../src/swarm/upload-pace.ts';
import { peerOf } from './support/read-world.ts';

const BLOCK = 128 << 10;
const BLOCKS_OF_PIECE = PIECE_BYTES / BLOCK;
const MIB = 1 << 20;
const STEP_MS = 5;
const { signal } = new AbortController();

type Client = {
  readonly priority: Priority;
  /** Blocks that it has asked for and not got. */
  readonly window: number;
  /** What it leaves the host alone for after a refusal. */
  readonly pauseMs: number;
  /** Between a block and asking for the next. @default 0 */
  readonly thinkMs?: number;
};

/** Asks whenever it may, as fast as it may. */
const GREEDY: Client = { priority: 'demand', window: 32, pauseMs: 0 };
const READER: Client = { priority: 'prefetch', window: 8, pauseMs: 50 };

/** As `SwarmServer` does for each block; how many bytes each client got. */
async function upload(t: Test, clients: readonly Client[], bytesPerSecond: number, ms: number) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  let nowMs = 0;
  const clock = () => nowMs;
  const pace = new UploadPace({ bytesPerSecond, nowMs: clock });
  const uploads = new Uploads({ pace, nowMs: clock });
  const states = clients.map((client, number) => ({
    ...{ ...client, peer: peerOf(number), block: 0, waiting: 0, got: 0, notBeforeMs: 0 },
  }));
  const ask = async (state: (typeof states)[number]) => {
    const piece = Math.floor(state.block / BLOCKS_OF_PIECE);
    const wanted = { peer: state.peer, piece, bytes: BLOCK, priority: state.priority };
    const refused = () => {
      state.notBeforeMs = nowMs + state.pauseMs;
    };
    if (!uploads.accepts(wanted)) return refused();
    state.block += 1;
    state.waiting += 1;
    uploads.promise(wanted);
    try {
      await uploads.take(wanted, signal, () => new Error('busy'));
      uploads.sent(wanted);
      state.got += BLOCK;
      state.notBeforeMs = nowMs + (state.thinkMs ?? 0);
    } catch {
      uploads.dropped(wanted);
      refused();
    }
    state.waiting -= 1;
  };
  for (; nowMs < ms; nowMs += STEP_MS) {
    for (const state of states) {
      if (nowMs >= state.notBeforeMs && state.waiting < state.window) void ask(state);
    }
    mock.timers.tick(STEP_MS);
    await setImmediate();
  }
  mock.timers.reset();
  return states.map(({ got }) => got);
}

for (const mibPerSecond of [1, 2, 8]) {
  t.test(`one that calls everything demand, ${mibPerSecond} MiB/s`, async (t) => {
    const [greedy = 0, reader = 0] = await upload(t, [GREEDY, READER], mibPerSecond * MIB, 10_000);
    const all = greedy + reader;
    t.comment(`${greedy / MIB} and ${reader / MIB} MiB`);
    t.ok(all >= mibPerSecond * MIB * 9, `the link is used: ${all / MIB} MiB`);
    t.ok(greedy <= all / 2 + 2 * PIECE_BYTES, `${greedy / MIB} of ${all / MIB} MiB`);
  });
}

t.test('demand of one who wants little goes before what others prefetch', async (t) => {
  const modest: Client = { priority: 'demand', window: 1, pauseMs: 20, thinkMs: 500 };
  const hungry: Client = { ...READER, pauseMs: 0, window: 32 };
  const clients = [modest, hungry, hungry, hungry];
  const [got = 0, ...others] = await upload(t, clients, MIB, 10_000);
  t.ok(got >= 12 * BLOCK, `${got / BLOCK} of 20 blocks`);
  for (const other of others) t.ok(other > got, `${other / BLOCK} blocks`);
});

t.test('many who were refused are remembered for a while, and no more than that', async (t) => {
  const turns = new UploadTurns();
  for (let number = 0; number < 3000; number++) turns.refused(peerOf(number), number);
  t.equal(turns.known, UPLOAD_REFUSED_PEERS_MAX);
  turns.forgetRefused(3000);
  t.equal(turns.known, 0);
});

/** The limit of what goes out to hosts: who waits for it, who goes first, who is sent away. */
import type { Priority } from '@shoal/blob-store';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { UPLOAD_OVERTAKEN_MS_MAX } from '../src/swarm/limits.ts';
import { UploadPace } from '../src/swarm/upload-pace.ts';
import { peerOf } from './support/read-world.ts';

const BYTES = 1000;
const { signal } = new AbortController();
const refuse = () => new Error('busy');
const turnOf = (number: number, priority: Priority) => ({
  ...{ peer: peerOf(number), bytes: BYTES, priority },
});

t.test('demand goes before what waits already, and waits for no burst', async (t) => {
  let nowMs = 0;
  const pace = new UploadPace({ bytesPerSecond: 20 * BYTES, nowMs: () => nowMs });
  const order: string[] = [];
  const take = async (number: number, priority: Priority) => {
    await pace.take(turnOf(number, priority), signal, refuse);
    order.push(`${priority} ${number}`);
  };
  const all = Array.from({ length: 22 }, () => take(1, 'background'));
  await until('a second of bytes has gone', () => order.length === 20);
  t.equal(pace.waitMs(turnOf(2, 'demand')), 50, 'one block');
  t.ok(pace.waitMs(turnOf(2, 'background')) >= 100, 'in turn with the other one');
  const urgent = take(2, 'demand');
  nowMs += 50;
  await urgent;
  t.equal(order.at(-1), 'demand 2');
  nowMs += 1000;
  await Promise.all(all);
  t.equal(order.length, 23);
});

t.test('who is overtaken for long is sent away, who leaves is not charged', async (t) => {
  let nowMs = 0;
  const pace = new UploadPace({ bytesPerSecond: BYTES, nowMs: () => nowMs });
  await pace.take(turnOf(1, 'demand'), signal, refuse);
  const leaving = new AbortController();
  const gone = pace.take(turnOf(1, 'demand'), leaving.signal, refuse);
  const next = pace.take(turnOf(2, 'demand'), signal, refuse);
  const overtaken = pace.take(turnOf(3, 'background'), signal, refuse);
  leaving.abort(new Error('enough'));
  await t.rejects(gone, /enough/);
  nowMs += UPLOAD_OVERTAKEN_MS_MAX;
  await t.rejects(overtaken, /busy/);
  nowMs += 1000 - UPLOAD_OVERTAKEN_MS_MAX;
  await next;
  t.equal(pace.waitMs(turnOf(1, 'demand')), 1000, 'what has gone is charged, and no more');
  pace.stop();
  t.notOk(pace.hasRoom(turnOf(1, 'demand')));
  const free = new UploadPace({ bytesPerSecond: Number.POSITIVE_INFINITY, nowMs: () => 0 });
  await free.take({ ...turnOf(1, 'background'), bytes: 2 ** 50 }, signal, refuse);
  t.equal(free.waitMs(turnOf(1, 'background')), 0);
  await t.rejects(
    free.take(turnOf(1, 'demand'), AbortSignal.abort(new Error('gone')), refuse),
    /gone/,
  );
});

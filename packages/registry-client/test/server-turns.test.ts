/** A server that asks for silence gets it from the whole process, and is not overrun afterwards. */
import { parseReference } from '@shoal/oci';
import { type ImageStore, openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { FaultProxy, limitBlobReads, noiseBytes } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { AllTurns } from '../src/http/all-turns.ts';
import { type Leave, ServerTurns } from '../src/http/server-turns.ts';
import {
  REQUESTS_UNANSWERED_MAX,
  SERVER_IDLE_MS,
  SERVER_PAUSE_MS_MAX,
  SERVERS_REMEMBERED_MAX,
} from '../src/limits.ts';
import { writeImage } from './support/image-target-suite.ts';

type Timer = { readonly atMs: number; readonly run: () => void };

/** Time that goes on when the test says so. */
class Time {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  readonly clock = {
    nowMs: () => this.#nowMs,
    schedule: (ms: number, run: () => void) => {
      const timer = { atMs: this.#nowMs + ms, run };
      this.#timers.add(timer);
      return () => void this.#timers.delete(timer);
    },
  };

  get timers(): number {
    return this.#timers.size;
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(timer)) continue;
      timer.run();
    }
    await turn();
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const STATUS = 'ERR_REGISTRY_CLIENT_STATUS';
const OK = { status: 206, headers: new Map<string, string>() };
const silence = (seconds: number, status = 429) => ({
  status,
  headers: new Map([['retry-after', `${seconds}`]]),
});

function open() {
  const time = new Time();
  const server = new ServerTurns('https://registry.test', time.clock);
  const inTurn: { readonly name: string; readonly leave: Leave }[] = [];
  const enter = (
    name: string,
    options: { rank?: number; attempt?: number; waitMsMax?: number } = {},
    signal?: AbortSignal,
  ) => {
    const { rank = 0, attempt = 1, waitMsMax = 60_000 } = options;
    const entered = server
      .enter({ rank: () => rank, attempt, waitMsMax }, signal)
      .then((leave) => void inTurn.push({ name, leave }));
    entered.catch(() => undefined);
    return entered;
  };
  const take = () => inTurn.splice(0);
  return { time, server, enter, take };
}

async function silenced(seconds: number) {
  const scene = open();
  await scene.enter('first');
  scene.take()[0]?.leave(silence(seconds));
  return scene;
}

t.test('so many are unanswered at a time, whoever asks', async (t) => {
  const { enter, take, time } = open();
  for (let count = 0; count < REQUESTS_UNANSWERED_MAX + 3; count++) void enter(`${count}`);
  await turn();
  const first = take();
  t.equal(first.length, REQUESTS_UNANSWERED_MAX);
  await time.pass(120_000);
  t.equal(take().length, 0, 'nobody is told that the server wants silence: it said nothing');
  first[0]?.leave(undefined);
  first[1]?.leave(OK);
  await turn();
  t.equal(take().length, 2);
});

t.test('silence for all; then one goes first, and more with each round', async (t) => {
  const { enter, take, time } = await silenced(2);
  for (let count = 0; count < 20; count++) void enter(`${count}`);
  await time.pass(1_999);
  t.equal(take().length, 0);
  await time.pass(1);
  const rounds: number[] = [];
  for (let round = 0; round < 4; round++) {
    const under = take();
    rounds.push(under.length);
    for (const { leave } of under) leave(OK);
    await turn();
  }
  t.ok(
    rounds.every((count, index) => count <= 2 ** index),
    rounds.join(' '),
  );
  t.equal(rounds[0], 1);
});

t.test('demand first, then who has tried before', async (t) => {
  const { enter, take, time } = await silenced(1);
  void enter('background', { rank: 2, attempt: 3 });
  void enter('demand');
  void enter('again', { attempt: 2 });
  void enter('prefetch', { rank: 1 });
  await time.pass(1_000);
  const order: string[] = [];
  for (let under = take(); under.length > 0; under = take()) {
    for (const { name, leave } of under) {
      order.push(name);
      leave(OK);
    }
    await turn();
  }
  t.same(order, ['again', 'demand', 'prefetch', 'background']);
});

t.test('who does not wait so long has the answer that the server gave', async (t) => {
  const { enter, time } = await silenced(3);
  const words = { code: STATUS, status: 429, retryAfterMs: 3_000, retryable: true };
  await t.rejects(enter('at once', { waitMsMax: 500 }), words);
  void enter('before');
  const late = enter('late', { waitMsMax: 5_000, rank: 1 });
  await time.pass(3_000);
  await time.pass(2_000);
  await t.rejects(late, { code: STATUS, status: 429, retryAfterMs: undefined });
});

t.test('an abort ends the wait, for one', async (t) => {
  const { enter, take, time } = await silenced(1);
  const controller = new AbortController();
  const gone = enter('gone', {}, controller.signal);
  void enter('other');
  controller.abort(new Error('stop'));
  await t.rejects(gone, { message: 'stop' });
  await t.rejects(enter('never', {}, controller.signal), { message: 'stop' });
  await time.pass(1_000);
  t.same(
    take().map(({ name }) => name),
    ['other'],
  );
  t.equal(time.timers, 0, 'nothing is left');
});

t.test('silence has bounds; nonsense is none', async (t) => {
  const { enter, take, time } = await silenced(86_400);
  void enter('one');
  await time.pass(SERVER_PAUSE_MS_MAX);
  const [one] = take();
  t.equal(one?.name, 'one');
  one?.leave({ status: 503, headers: new Map([['retry-after', 'soon']]) });
  await enter('two');
  take()[0]?.leave(silence(1, 503));
  await t.rejects(enter('three', { waitMsMax: 0 }), { code: STATUS, status: 503 });
});

t.test('servers are forgotten', async (t) => {
  const time = new Time();
  const all = new AllTurns(time.clock);
  const ask = async (origin: string, answer: Parameters<Leave>[0]) => {
    const leave = await all.enter(origin, { rank: () => 0, attempt: 1, waitMsMax: 0 }, undefined);
    leave(answer);
  };
  await ask('https://a.test', OK);
  t.equal(all.size, 0);
  await ask('https://a.test', silence(1));
  t.equal(all.size, 1);
  await t.rejects(ask('https://a.test', OK), { code: STATUS, status: 429 });
  await ask('https://b.test', OK);
  await time.pass(1_000 + SERVER_IDLE_MS);
  await ask('https://a.test', OK);
  t.equal(all.size, 0, 'as new');
  for (let count = 0; count < SERVERS_REMEMBERED_MAX + 10; count++) {
    await ask(`https://${count}.test`, silence(100));
  }
  t.equal(all.size, SERVERS_REMEMBERED_MAX);
});

const READS = 100;
const AT_A_TIME = 25;
const content = noiseBytes(READS * 1000, 5);

/** A registry that gives so many reads of blobs, and then asks for a second of silence. */
async function limitedRegistry(t: Test) {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const wire = await FaultProxy.listen(t, registry.host);
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), {});
  const { manifest } = await writeImage(target, [content]);
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('no layer');
  const asked = limitBlobReads(wire, AT_A_TIME);
  const reference = parseReference(`${wire.host}/a/b:v1`);
  return { asked, layer, reference };
}

t.test('all reads of a process, of several clients, keep to what a registry allows', async (t) => {
  const { asked, layer, reference } = await limitedRegistry(t);
  const clients: ImageStore[] = [];
  for (const delayMs of [1, 2]) {
    clients.push(await openSource(reference, { plainHttp: true, retry: { delayMs } }));
  }
  const readings = Array.from({ length: READS }, async (_, index) => {
    const client = clients[index % clients.length];
    const bytes = await client?.readBlobRange(layer, index * 1000, 1000);
    return bytes?.equals(content.subarray(index * 1000, (index + 1) * 1000));
  });
  t.ok((await Promise.all(readings)).every((isRight) => isRight === true));
  t.ok(asked.refused > 0, 'it had to ask for silence');
  t.ok(asked.reads <= 1.5 * READS, `${asked.reads} requests for ${READS} reads`);
  await Promise.all(clients.map((client) => client.close()));
});

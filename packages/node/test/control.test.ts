/** The control socket: answers, errors with their codes, bounds, callers that leave, closing. */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShoalError } from '@shoal/errors';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { ControlClient } from '../src/control/control-client.ts';
import { checkBody, encodeError } from '../src/control/control-errors.ts';
import { mountRequestSchema } from '../src/control/control-protocol.ts';
import { ControlServer, type Routes } from '../src/control/control-server.ts';
import { openLog } from '../src/log/log.ts';

class Teapot extends ShoalError {
  override readonly code = 'ERR_TEST_TEAPOT';
}

const PING = {
  pid: 1,
  version: '0',
  root: '/r',
  run: '/u',
  startedAt: 'now',
  configDigest: 'd',
};
const REQUEST = { reference: 'host/name:tag', mountpoint: '/mnt/x' };

async function listen(t: Tap, routes: Routes) {
  const directory = temporaryDirectory(t);
  const [socket, logFile] = [join(directory, 's'), join(directory, 'log')];
  const fd = openSync(logFile, 'a');
  t.teardown(() => closeSync(fd));
  const server = await ControlServer.listen(socket, routes, openLog('error', fd));
  t.teardown(() => server.close());
  const errors = () => readFileSync(logFile, 'utf8');
  return { client: new ControlClient(socket), socket, server, errors };
}
type Tap = Parameters<typeof temporaryDirectory>[0];

t.test('answers come back, the socket is private', async (t) => {
  const { client, socket } = await listen(t, {
    'GET /v1/ping': () => Promise.resolve(PING),
    'POST /v1/mount': (body) => Promise.resolve(checkBody(mountRequestSchema, body, 'mount')),
  });
  t.same(await client.ping(), PING);
  t.same(await client.mount(REQUEST), REQUEST);
  t.equal(statSync(socket).mode & 0o777, 0o600);
});

t.test('an error keeps its code, words and remedy; a bug does not leak', async (t) => {
  const { client, errors } = await listen(t, {
    'POST /v1/mount': () => Promise.reject(new Teapot('short and stout', { remedy: 'pour' })),
    'POST /v1/unmount': () => Promise.reject(new TypeError('x is undefined')),
    'POST /v1/drain': () =>
      Promise.reject(Object.assign(new Error('EMFILE: open /x'), { code: 'EMFILE' })),
  });
  await t.rejects(client.mount(REQUEST), {
    code: 'ERR_TEST_TEAPOT',
    message: 'short and stout',
    remedy: 'pour',
  });
  await t.rejects(client.unmount({ mountpoint: '/mnt/x' }), {
    code: 'ERR_NODE_INTERNAL',
    message: /x is undefined/,
  });
  t.match(errors(), /"event":"control-request-crashed".*x is undefined/);
  await t.rejects(client.drain({}), {
    message: 'the daemon lacks something: EMFILE: open /x',
    remedy: /LimitNOFILE/,
    retryable: true,
  });
  await t.rejects(client.status(), {
    code: 'ERR_NODE_CONTROL_PROTOCOL',
    message: /unknown request/,
  });
});

t.test('a daemon that dies in the middle of its answer is none that runs', async (t) => {
  const socket = join(temporaryDirectory(t), 's');
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"pid":', () =>
      connection.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => server.close());
  const client = new ControlClient(socket);
  await t.rejects(client.status(), { code: 'ERR_NODE_NOT_RUNNING', retryable: true });
  await t.rejects(client.mount(REQUEST), { code: 'ERR_NODE_NOT_RUNNING' });
});

t.test(
  'a socket that somebody removed is made anew; what was asked before is answered',
  async (t) => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<typeof REQUEST>();
    const { client, socket } = await listen(t, {
      'GET /v1/ping': () => Promise.resolve(PING),
      'POST /v1/mount': () => {
        asked.resolve();
        return answer.promise;
      },
    });
    const slow = client.mount(REQUEST);
    await asked.promise;
    for (let time = 0; time < 2; time += 1) {
      rmSync(socket);
      while (!existsSync(socket)) await sleep(20);
      t.same(await client.ping(), PING);
    }
    answer.resolve(REQUEST);
    t.same(await slow, REQUEST);
  },
);

t.test('requests are checked and bounded', async (t) => {
  const { client } = await listen(t, {
    'POST /v1/mount': (body) => Promise.resolve(checkBody(mountRequestSchema, body, 'mount')),
  });
  const refused = { code: 'ERR_NODE_CONTROL_PROTOCOL' };
  await t.rejects(client.mount({ ...REQUEST, mountpoint: 'relative' }), refused);
  await t.rejects(client.mount({ ...REQUEST, reference: '' }), refused);
  await t.rejects(client.mount({ ...REQUEST, reference: 'x'.repeat(300_000) }), {
    ...refused,
    message: /too large/,
  });
});

t.test('who leaves aborts what he asked for', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const { client, server, errors } = await listen(t, {
    'POST /v1/mount': (_body, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.resolve();
          reject(signal.reason);
        });
        asked.resolve();
      }),
  });
  const asked = Promise.withResolvers<void>();
  const controller = new AbortController();
  const mounting = client.mount(REQUEST, { signal: controller.signal });
  await asked.promise;
  controller.abort();
  await t.rejects(mounting, { name: 'AbortError' });
  await aborted.promise;
  await server.close();
  t.equal(errors(), '', 'it is no failure of the daemon');
});

t.test('nobody there', async (t) => {
  const directory = temporaryDirectory(t);
  const missing = new ControlClient(join(directory, 'none'));
  await t.rejects(missing.ping(), { code: 'ERR_NODE_NOT_RUNNING' });
  writeFileSync(join(directory, 'file'), '');
  await t.rejects(new ControlClient(join(directory, 'file')).ping(), {
    code: 'ERR_NODE_NOT_RUNNING',
  });
});

t.test('closing twice waits for running requests and leaves no socket', async (t) => {
  const socket = join(temporaryDirectory(t), 's');
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const log = openLog('error');
  const server = await ControlServer.listen(
    socket,
    {
      'GET /v1/ping': async () => {
        asked.resolve();
        await gate.promise;
        return PING;
      },
    },
    log,
  );
  const client = new ControlClient(socket);
  const answer = client.ping();
  await asked.promise;
  const closing = Promise.all([server.close(), server.close()]);
  gate.resolve();
  t.same(await answer, PING);
  await closing;
  t.throws(() => statSync(socket), { code: 'ENOENT' });
  await t.rejects(client.ping(), { code: 'ERR_NODE_NOT_RUNNING' });
});

t.test('rubbish on the socket harms nobody', async (t) => {
  const { client, socket } = await listen(t, { 'GET /v1/ping': () => Promise.resolve(PING) });
  await new Promise<void>((resolve) => {
    const raw = connect(socket, () => raw.end('\x00\x01rubbish\r\n\r\n'));
    raw.on('error', () => {});
    raw.on('close', () => resolve());
    raw.resume();
  });
  t.same(await client.ping(), PING);
});

t.test('a path that does not fit into a socket address is refused', async (t) => {
  const log = openLog('error');
  await t.rejects(ControlServer.listen(`/tmp/${'x'.repeat(120)}`, {}, log), {
    code: 'ERR_NODE_SOCKET_PATH',
  });
});

t.test('statuses tell wrong requests from failures', (t) => {
  t.equal(encodeError(new Teapot('x')).status, 422);
  t.equal(encodeError(new Error('x')).status, 500);
  t.end();
});

t.test('a daemon that is stopped or stuck is told apart from none', async (t) => {
  const { socket } = await listen(t, { 'GET /v1/ping': () => new Promise(() => undefined) });
  await t.rejects(new ControlClient(socket, { answerTimeoutMs: 50 }).ping(), {
    code: 'ERR_NODE_SILENT',
    message: /did not answer within 0.05 s/,
  });
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(new ControlClient(socket, { answerTimeoutMs: 50 }).ping({ signal }), {
    name: 'AbortError',
  });
});

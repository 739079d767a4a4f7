/** Gets over HTTP: who may, what may be fetched, where it goes, and what is told of it. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createSecureServer, request } from 'node:https';
import { connect, Server } from 'node:net';
import { join } from 'node:path';
import { IdentityFiles } from '@shoal/p2p-peer/trust';
import {
  noise,
  pushArtifact,
  requireTool,
  serveOnLoopback,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import { makeCertificates } from '@shoal/test-kit/registry/certificates';
import t from 'tap';
import { ApiServer } from '../src/api/api-server.ts';
import { decodeConfig } from '../src/config/config.ts';
import { ControlServer } from '../src/control/control-server.ts';
import {
  API_CONNECTIONS_MAX,
  GETS_KEPT_MS,
  GETS_RUNNING_MAX,
  GETS_WAITING_MAX,
} from '../src/limits.ts';
import { openLog } from '../src/log/log.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { MetricsServer } from '../src/metrics/metrics-server.ts';
import { ApiWorld, TOKEN } from './support/api-world.ts';

const CONTENT = noise(3_000_000, 'content');

async function withArtifact(t: Parameters<typeof ApiWorld.open>[0]) {
  const world = await ApiWorld.open(t);
  const what = `${world.registryHost}/models/llama:7b`;
  await pushArtifact(what, [
    { title: 'weights/one.bin', content: CONTENT },
    { title: 'notes.txt', content: Buffer.from('notes') },
  ]);
  return { world, what };
}

t.test('an artifact, and one file of it', async (t) => {
  const { world, what } = await withArtifact(t);
  const all = await world.get({ what, target: 'llama/7b' });
  t.match(all, {
    state: 'done',
    what,
    target: 'llama/7b',
    bytesDone: CONTENT.length + 5,
    bytesTotal: CONTENT.length + 5,
    sources: { origin: CONTENT.length + 5 },
    filesDone: 2,
    files: [{ file: 'llama/7b/weights/one.bin' }, { file: 'llama/7b/notes.txt' }],
  });
  t.ok(readFileSync(join(world.directory, 'llama/7b/weights/one.bin')).equals(CONTENT));
  const one = await world.get({ what: `${what}:notes.txt`, target: 'one.txt' });
  t.match(one, { state: 'done', files: [{ file: 'one.txt', outcome: 'fetched' }] });
  const again = await world.get({ what: `${what}:notes.txt`, target: 'one.txt' });
  t.match(again.files, [{ outcome: 'present' }]);
  const { status, body } = await world.ask('GET', '/v1/gets');
  t.equal(status, 200);
  t.match(body, { gets: [{ id: all.id }, { id: one.id }, { id: again.id }] });
  t.match(await world.ask('GET', `/v1/gets/${one.id}`), { status: 200, body: { id: one.id } });
  const missing = await world.get({ what: `${what}:none`, target: 'x' });
  t.match(missing, { state: 'failed', error: { code: 'ERR_DOWNLOADS_SUBJECT' } });
});

t.test('nobody without the token', async (t) => {
  const { world, what } = await withArtifact(t);
  const order = { what, target: 'x' };
  const wrong = ['', 'Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN, 'Bearer a b'];
  for (const authorization of wrong) {
    for (const [method, path] of [
      ['POST', '/v1/gets'],
      ['GET', '/v1/gets'],
      ['DELETE', `/v1/gets/${'0'.repeat(16)}`],
      ['GET', '/'],
    ] as const) {
      const body = method === 'POST' ? order : undefined;
      const said = await world.ask(method, path, body, authorization);
      t.equal(said.status, 401, `${method} ${path} with ${authorization}`);
      t.notMatch(JSON.stringify(said.body), TOKEN);
    }
  }
  t.same(readdirSync(world.directory), []);
  writeFileSync(world.tokenFile, 'another-token-of-the-tests');
  t.equal((await world.ask('GET', '/v1/gets')).status, 401, 'a new token counts at once');
  writeFileSync(world.tokenFile, 'short');
  const without = await world.ask('GET', '/v1/gets', undefined, 'Bearer of-a-stranger-12345');
  t.equal(without.status, 503, 'without one nobody may');
  t.notMatch(JSON.stringify(without.body), world.tokenFile, 'nor know where it would be');
});

t.test(
  'places that slow clients hold are free again, and a failed accept ends nothing',
  async (t) => {
    const servers: Server[] = [];
    const heard = (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('server' in message)) return;
      if (message.server instanceof Server) servers.push(message.server);
    };
    subscribe('tracing:net.server.listen:asyncStart', heard);
    t.teardown(() => unsubscribe('tracing:net.server.listen:asyncStart', heard));
    const world = await ApiWorld.open(t);
    await using metrics = await MetricsServer.listen(
      { host: '127.0.0.1', port: 0 },
      new Metrics(),
      () => undefined,
    );
    const socket = join(temporaryDirectory(t), 's');
    await using control = await ControlServer.listen(socket, {}, openLog('error'));
    t.ok(control);
    const [host = '', port] = world.address.split(':');
    const ports = [Number(port), metrics.port];
    const slow = Array.from({ length: API_CONNECTIONS_MAX }, () => connect(Number(port), host));
    for (const socket of slow) socket.on('error', () => undefined).write('GET /v1/gets HT');
    t.teardown(() => slow.forEach((socket) => void socket.destroy()));
    await until('one gets in', async () => {
      const said = await world.ask('GET', '/v1/gets').catch(() => undefined);
      return said?.status === 200;
    });
    const ours = servers.filter((server) => {
      const at = server.address();
      return at === socket || (typeof at === 'object' && ports.includes(at?.port ?? 0));
    });
    t.equal(ours.length, 3);
    for (const server of ours) {
      const error = Object.assign(new Error('accept EMFILE'), {
        code: 'EMFILE',
        syscall: 'accept',
      });
      for (let again = 0; again < 2; again++) server.emit('error', error);
    }
    t.equal((await world.ask('GET', '/v1/gets')).status, 200);
    t.equal((await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).status, 200);
  },
);

t.test('paths that lead out, and orders that make no sense', async (t) => {
  const { world, what } = await withArtifact(t);
  const targets = ['../x', '/etc/x', 'a/../../x', '..', '.', 'a//b', 'a\0b', '', 'x.shoal-partial'];
  for (const target of targets) {
    const said = await world.ask('POST', '/v1/gets', { what, target });
    t.equal(said.status, 400, JSON.stringify(target));
  }
  const bodies = ['', '{', '[]', { what }, { target: 'x' }, { what, target: 'x', more: 1 }];
  for (const body of [...bodies, { what, target: 'x', digest: 'sha256:1' }]) {
    t.equal((await world.ask('POST', '/v1/gets', body)).status, 400, JSON.stringify(body));
  }
  const long = { what: 'x'.repeat(100_000), target: 'x' };
  t.equal((await world.ask('POST', '/v1/gets', long)).status, 413);
  for (const path of ['/v1/gets/x', '/v1/gets/', `/v1/gets/${'f'.repeat(16)}`, '/v2/']) {
    t.equal((await world.ask('GET', path)).status, 404, path);
  }
  mkdirSync(join(world.directory, 'real'));
  symlinkSync(temporaryDirectory(t), join(world.directory, 'link'));
  const linked = await world.get({ what, target: 'link/x' });
  t.match(linked, { state: 'failed', error: { code: 'ERR_DOWNLOADS_TARGET' } });
  t.same(readdirSync(world.directory).toSorted(), ['link', 'real']);
});

t.test('only what the configuration names is fetched', async (t) => {
  const sources = ['registry.test/team', 'https:files.test/models'];
  const world = await ApiWorld.open(t, { sources, run: async () => [] });
  const refused = [
    'registry.test/teams/x:1',
    'other.test/team/x:1',
    '169.254.169.254/latest/meta:1',
    'https://files.test/other/x',
    'https://files.test/models/..%2fsecret',
    'https://files.test/models/../secret',
    'http://files.test/models/x',
    'https://files.test.evil.test/models/x',
    'oci:/etc:x',
    'docker-archive:/etc/shadow',
    'dir:/etc',
  ];
  for (const what of refused) {
    t.equal((await world.ask('POST', '/v1/gets', { what, target: 'x' })).status, 403, what);
  }
  const url = 'https://files.test/models/x.bin?signature=secret';
  const taken = await world.ask('POST', '/v1/gets', { what: url, target: 'x' });
  t.equal(taken.status, 201);
  t.equal(taken.body['what'], 'https://files.test/models/x.bin', 'no secret is told again');
  t.equal(
    (await world.ask('POST', '/v1/gets', { what: 'registry.test/team/x:1', target: 'y' })).status,
    201,
  );
});

t.test('a bounded number of gets, each of which can be ended', async (t) => {
  let nowMs = 0;
  const world = await ApiWorld.open(t, {
    nowMs: () => nowMs,
    run: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('ended')), { once: true });
      }),
  });
  const what = `${world.registryHost}/a:1`;
  const ids: string[] = [];
  for (let index = 0; index < GETS_RUNNING_MAX + GETS_WAITING_MAX; index++) {
    const { status, body } = await world.ask('POST', '/v1/gets', { what, target: `t-${index}` });
    t.equal(status, 201);
    ids.push(String(body['id']));
  }
  const [first = '', second = ''] = ids;
  t.equal(world.tasks.get(second).state, 'running');
  t.equal(world.tasks.get(ids[GETS_RUNNING_MAX] ?? '').state, 'waiting');
  t.equal((await world.ask('POST', '/v1/gets', { what, target: 'more' })).status, 429);
  t.match(await world.ask('DELETE', `/v1/gets/${first}`), { body: { state: 'cancelled' } });
  await until('the next runs', () => world.tasks.get(ids[2] ?? '').state === 'running');
  t.match(
    await world.ask('DELETE', `/v1/gets/${first}`),
    { body: { state: 'cancelled' } },
    'again',
  );
  nowMs = GETS_KEPT_MS + 1;
  t.equal((await world.ask('GET', `/v1/gets/${first}`)).status, 404, 'it is forgotten');
  t.equal((await world.ask('GET', `/v1/gets/${second}`)).status, 200);
});

t.test('with TLS', async (t) => {
  if (!requireTool(t, 'openssl')) return;
  const { caFile, certificateFile: cert, keyFile: key } = makeCertificates(temporaryDirectory(t));
  const tls = await IdentityFiles.open({ ca: cert, cert, key });
  t.teardown(() => tls.close());
  const { address } = await ApiWorld.open(t, { tls });
  const ask = (ca: string | undefined, headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const options = { ...(ca === undefined ? {} : { ca }), headers, agent: false };
      const asking = request(`https://${address}/v1/gets`, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asking.once('error', reject).end();
    });
  const ca = readFileSync(caFile, 'utf8');
  t.equal(await ask(ca, { authorization: `Bearer ${TOKEN}` }), 200);
  t.equal(await ask(ca, {}), 401);
  await t.rejects(ask(undefined, {}), 'its certificate is the one of the files');
  await t.rejects(fetch(`http://${address}/v1/gets`), 'nothing without TLS');
});

t.test('a web server of an authority that the configuration names', async (t) => {
  if (!requireTool(t, 'openssl')) return;
  const { caFile, certificateFile, keyFile } = makeCertificates(temporaryDirectory(t));
  const [cert, key] = [readFileSync(certificateFile), readFileSync(keyFile)];
  const server = createSecureServer({ cert, key }, (_, answer) => answer.end(CONTENT));
  const host = await serveOnLoopback(t, server);
  const order = { what: `https://${host}/disk.img`, target: 'disk.img' };
  const sources = [`https:${host}`];
  const trusting = await ApiWorld.open(t, { sources, caFile });
  t.match(await trusting.get(order), { state: 'done', bytesDone: CONTENT.length });
  const other = await ApiWorld.open(t, { sources });
  t.match(await other.get(order), { state: 'failed' });
});

t.test('the configuration', async (t) => {
  const table = (listen: string) =>
    `[api]\nlisten = "${listen}"\ntoken_file = "/t"\ndirectory = "/d"\nsources = ["a.test"]\n`;
  t.match(decodeConfig(table('127.0.0.1:4030')).api, {
    address: { host: '127.0.0.1', port: 4030 },
    sources: ['a.test'],
  });
  t.equal(decodeConfig('').api, undefined, 'off by default');
  for (const listen of ['0.0.0.0:1', '10.0.0.1:1', '[::]:1', 'host.test:1', 'x']) {
    t.throws(() => decodeConfig(table(listen)), { code: 'ERR_NODE_CONFIG' }, listen);
    const withTls = `${table(listen)}tls = "/tls"\n`;
    if (listen !== 'x') t.equal(decodeConfig(withTls).api?.tlsDirectory, '/tls', 'with TLS it may');
  }
  t.throws(() => decodeConfig('[api]\nlisten = "127.0.0.1:1"\n'), { code: 'ERR_NODE_CONFIG' });
  const { tasks, directory } = await ApiWorld.open(t);
  const address = { host: '127.0.0.1', port: 0 };
  const tokenFile = join(directory, 'none');
  const config = { address, directory, sources: [], tokenFile, tlsDirectory: undefined };
  await t.rejects(ApiServer.listen(config, tasks), { code: 'ERR_NODE_API_REQUEST' });
});

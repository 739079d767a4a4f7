/** What an operator hears of sharing: trackers that are away, and registries that give nothing for others. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { blobIdOfDigest, sha256Digest } from '@shoal/oci';
import { PreheatOrders } from '@shoal/p2p-peer';
import { ImageAccess } from '@shoal/snapshotter';
import { serveOnLoopback, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { openLog } from '../src/log/log.ts';
import { OriginSources } from '../src/peers/origin-sources.ts';
import { PeerProblems } from '../src/peers/peer-problems.ts';

const BLOB = { blobId: blobIdOfDigest(sha256Digest(Buffer.from('no bytes'))), sizeBytes: 1000 };

/** At the level that operators have; `lines` ends it. */
function problemsOf(t: TestScope) {
  const file = join(temporaryDirectory(t), 'log');
  const fd = openSync(file, 'w');
  const lines = (): Record<string, unknown>[] => {
    closeSync(fd);
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
  };
  return { problems: new PeerProblems(openLog('info', fd)), lines };
}

t.test('a tracker that is away, each once', async (t) => {
  const { problems, lines } = problemsOf(t);
  // Nobody listens at these.
  for (const url of ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:1']) {
    await new PreheatOrders({ url, token: 'x' }).read('y').catch((error) => problems.tell(error));
  }
  problems.tell(new Error('a stranger has come'));
  const away = { level: 'warn', event: 'peer-tracker-away', code: 'ERR_P2P_TRACKER_AWAY' };
  const said = lines();
  t.equal(said.length, 2, 'neither twice, nor what strangers do');
  t.match(said, [
    { ...away, reason: /127\.0\.0\.1:1".*ECONNREFUSED/ },
    { ...away, reason: /127\.0\.0\.1:2"/ },
  ]);
});

t.test('a tracker that signs no tokens, or speaks another language', async (t) => {
  const server = createServer((_, response) => response.end('[]'));
  const url = `http://${await serveOnLoopback(t, server)}`;
  const { problems, lines } = problemsOf(t);
  for (const _ of [1, 2]) {
    await new PreheatOrders({ url, token: 'x' }).read('y').catch((error) => problems.tell(error));
  }
  const said = lines();
  t.equal(said.length, 1);
  t.match(said, [{ level: 'warn', event: 'peer-tracker-answer', code: 'ERR_P2P_TRACKER_ANSWER' }]);
});

t.test('a registry that gives nothing for others', async (t) => {
  const server = createServer((_, response) => response.writeHead(403).end());
  const host = await serveOnLoopback(t, server);
  const { problems, lines } = problemsOf(t);
  const access = new ImageAccess();
  const origins = new OriginSources({
    ...{ access, shape: (source) => source, rules: [host], caFile: undefined },
    onFailed: (repository, error) => problems.homeFailed(repository, error),
  });
  t.teardown(async () => {
    await origins.close();
    await access.close();
  });
  const origin = origins.of(`${host}/app`, false)?.origin;
  const gone = AbortSignal.abort(new Error('nobody waits'));
  await t.rejects(async () => origin?.read(BLOB, 0, 1000, { signal: gone }));
  for (const _ of [1, 2]) {
    await t.rejects(async () => origin?.read(BLOB, 0, 1000), { code: /^ERR_REGISTRY_CLIENT_/ });
  }
  const said = lines();
  t.equal(said.length, 1, 'once, and not of who left');
  t.match(said, [{ level: 'warn', event: 'peer-home-failed', repository: `${host}/app` }]);
  t.match(said[0]?.['reason'], /403|denied|refused/i);
});

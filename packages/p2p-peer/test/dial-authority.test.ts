/** A process may be told to trust any certificate, for its registries; whom it dials in the cluster is of its authority all the same. */
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:tls';
import { serveOnLoopback } from '@shoal/test-kit';
import t from 'tap';
import { TrackerClient } from '../src/tracker/client/tracker-client.ts';
import { askHost } from '../src/wire/handshakes/ask-host.ts';
import { openWire } from '../src/wire/handshakes/open-wire.ts';
import { TestCluster } from './support/test-cluster.ts';
import { makeScene } from './support/tracker-scene.ts';
import { BLOB_ID, BufferServer, PATIENT, REPOSITORY, sharedBlob } from './support/wire-pair.ts';

const BYTES = 1000;
const UNTRUSTED = { code: 'ERR_P2P_WIRE_UNTRUSTED', message: /authority/ };

t.before(() => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
});
t.after(() => {
  delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
});

t.test('a host of another authority hears nothing, and no token', async (t) => {
  const [[seed], [, peer]] = await Promise.all([TestCluster.openPair(t), TestCluster.openPair(t)]);
  const heard: Buffer[] = [];
  const server = createServer({ ...seed.trust.identity() }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => heard.push(bytes));
  });
  const address = await serveOnLoopback(t, server);
  const { self, trust } = peer;
  const dialled = openWire({
    ...{ self, trust, blobId: BLOB_ID, repository: REPOSITORY, ...PATIENT },
    host: { host: seed.self.host, address },
    blob: sharedBlob(new BufferServer(Buffer.alloc(BYTES)), BYTES),
    handshakeTimeoutMs: 5000,
  });
  await t.rejects(dialled, UNTRUSTED);
  await t.rejects(askHost(address, { trust }), UNTRUSTED);
  t.same(heard, []);
});

t.test('a tracker of another authority is asked nothing', async (t) => {
  const [ours, theirs] = await Promise.all([makeScene(t), makeScene(t)]);
  const identity = await ours.identity('host-1', 'peer');
  const { ca, cert, key } = (await theirs.identity('tracker-1', 'tracker')).current;
  const heard: (string | undefined)[] = [];
  const server = createHttpsServer({ ca, cert, key }, ({ url }, response) => {
    heard.push(url);
    response.writeHead(404).end();
  });
  const url = `https://${await serveOnLoopback(t, server)}`;
  const problems: unknown[] = [];
  const own = () => ({ zone: 'a', rack: 'r', address: '10.0.0.1:1' });
  const client = ours.keep(
    new TrackerClient({
      ...{ trackers: [url], identity, own },
      onProblem: (error) => problems.push(error),
    }),
  );
  t.equal(await client.fetchToken(), undefined);
  t.same(heard, []);
  t.match(problems, [{ code: 'ERR_P2P_TRACKER_AWAY' }]);
});

/** Who gets a wire and who does not: certificates, tokens, names, numbers, deadlines. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { serveOnLoopback, until } from '@shoal/test-kit';
import t from 'tap';
import { parseHostName } from '../src/identity/host.ts';
import { peerIdOf } from '../src/identity/peer-id.ts';
import { CLOCK_SKEW_MS_MAX } from '../src/trust/limits.ts';
import { TlsIdentity } from '../src/trust/tls-identity.ts';
import { openWire } from '../src/wire/handshakes/open-wire.ts';
import type { WireListenerOptions } from '../src/wire/handshakes/wire-listener.ts';
import { hostHello, messageBytes, RawPeer } from './support/raw-peer.ts';
import { TestCluster, type TestHost } from './support/test-cluster.ts';
import {
  BufferServer,
  dialOptions,
  listen,
  patternedBlob,
  REPOSITORY,
  serveBlob,
  sharedBlob,
} from './support/wire-pair.ts';

type Tap = Parameters<typeof TestCluster.open>[0];

const BYTES = 3 << 20;
const blob = patternedBlob(BYTES);
const UNTRUSTED = 'ERR_P2P_WIRE_UNTRUSTED';

async function scene(t: Tap, options: Partial<WireListenerOptions> = {}) {
  const cluster = await TestCluster.open(t);
  const seed = await cluster.host('seed-1', { role: 'seed' });
  const refused: Error[] = [];
  const onRefused = (error: Error) => refused.push(error);
  const served = await serveBlob(t, seed, blob, { onRefused, ...options });
  return { cluster, seed, refused, ...served };
}

t.test('a host with certificate and token gets a wire, and both know each other', async (t) => {
  const { cluster, listener, dial } = await scene(t);
  const peer = await cluster.host('peer-1', { repositories: ['registry.test/library/*'] });
  const wire = await dial(peer);
  t.match(wire.facts, {
    host: { host: 'seed-1', role: 'seed', zone: 'z1' },
    repository: REPOSITORY,
  });
  t.equal(wire.facts.peerId, peerIdOf(parseHostName('seed-1')));
  await until('it is open at the other end', () => listener.wires.size === 1);
  const [accepted] = listener.wires;
  t.match(accepted?.facts, { host: { host: 'peer-1', role: 'peer' }, repository: REPOSITORY });
  t.match(accepted?.facts.host, { address: '127.0.0.1:0', rack: 'r1' });
  await wire.close();
  await until('it is closed at the other end', () => listener.wires.size === 0);
});

t.test('whose token is wrong hears nothing at all', async (t) => {
  const { cluster, refused, listener, server, dial } = await scene(t);
  const other = await TestCluster.open(t);
  const cases: [string, TestHost, RegExp][] = [
    ['of another host', await cluster.host('a', { tokenHost: 'b' }), /refused/],
    ['expired', await cluster.host('c', { tokenAgeMs: 3600_000, tokenLifeMs: 1000 }), /refused/],
    [
      'of another repository',
      await cluster.host('d', { repositories: ['registry.test/private/*'] }),
      /does not cover/,
    ],
    [
      'signed by a stranger',
      { ...(await cluster.host('e')), trust: await withTokenOf(cluster, other, 'e') },
      /refused/,
    ],
  ];
  for (const [name, host, says] of cases) {
    await t.rejects(dial(host), { code: 'ERR_P2P_WIRE_DIAL' }, name);
    await until('the reason is known', () => refused.length === 1);
    const [reason] = refused.splice(0);
    t.match(reason, { code: UNTRUSTED, message: says }, name);
    const token = host.trust.token() ?? '';
    t.notOk(`${reason?.message} ${JSON.stringify(reason)}`.includes(token), 'it is not told');
    const raw = await RawPeer.dialTls(listener.port, host);
    raw.send(...hostHello(host, { sizeBytes: BYTES }), messageBytes(6, 0, 0, 100));
    await raw.untilClosed();
    t.equal(raw.receivedBytes, 0, 'not even a handshake');
    await until('the reason is known', () => refused.length === 1);
    refused.splice(0);
  }
  t.same(server.heard, []);
});

async function withTokenOf(ours: TestCluster, theirs: TestCluster, name: string) {
  const [own, foreign] = await Promise.all([ours.host(name), theirs.host(name)]);
  return { ...own.trust, token: foreign.trust.token };
}

t.test('a certificate of another authority, or none, is of no use', async (t) => {
  const { cluster, refused, listener, dial } = await scene(t);
  const other = await TestCluster.open(t);
  const own = await cluster.host('peer-1');
  const foreign = await other.host('peer-1');
  await t.rejects(dial(foreign), { code: UNTRUSTED }, 'it does not believe the listener either');
  const { ca } = own.trust.identity();
  const { cert, key } = foreign.trust.identity();
  const pretending = { ...own, trust: { ...own.trust, identity: () => ({ ca, cert, key }) } };
  await t.rejects(dial(pretending), { code: 'ERR_P2P_WIRE_DIAL' });
  await until('both were refused', () => refused.length === 2);
  const plain = await RawPeer.dial(listener.port);
  plain.send(...hostHello(own, { sizeBytes: BYTES }));
  await plain.untilClosed();
  t.ok(plain.receivedBytes < 100, 'a TLS alert at most');
});

t.test('who is not the one of his certificate', async (t) => {
  const { cluster, refused, listener } = await scene(t);
  const peer = await cluster.host('peer-1');
  const cases: [Parameters<typeof hostHello>[1], RegExp][] = [
    [{ sizeBytes: BYTES, facts: { host: parseHostName('peer-2') } }, /certificate says otherwise/],
    [{ sizeBytes: BYTES, facts: { role: 'seed' } }, /certificate says otherwise/],
    [{ sizeBytes: BYTES, peerId: peerIdOf(parseHostName('peer-2')) }, /peer id of another/],
    [{ sizeBytes: BYTES, repository: 'registry.test/../x' }, /does not cover/],
    [{ sizeBytes: BYTES, token: 'nonsense' }, /refused/],
    [{ sizeBytes: BYTES, facts: { zone: 'z'.repeat(256) } }, /zone is too long/],
    [{ sizeBytes: 0 }, /no size/],
  ];
  for (const [changes, says] of cases) {
    const raw = await RawPeer.dialTls(listener.port, peer);
    raw.send(...hostHello(peer, changes));
    await raw.untilClosed();
    t.equal(raw.receivedBytes, 0);
    await until('the reason is known', () => refused.length === 1);
    t.match(refused.splice(0)[0], { message: says });
  }
});

t.test('nothing but handshakes is taken from one who is not known yet', async (t) => {
  const { cluster, refused, listener, server } = await scene(t);
  const peer = await cluster.host('peer-1');
  const [handshake] = hostHello(peer, { sizeBytes: BYTES });
  for (const id of [0, 1, 2]) {
    const raw = await RawPeer.dialTls(listener.port, peer);
    raw.send(handshake ?? Buffer.alloc(0), messageBytes(id));
    await raw.untilClosed();
    t.equal(raw.receivedBytes, 0);
    await until('the reason is known', () => refused.length === 1);
    t.match(refused.splice(0)[0], { code: 'ERR_P2P_WIRE_PROTOCOL', message: /before/ });
  }
  t.same(server.heard, []);
});

t.test('the one who dials checks as well', async (t) => {
  const { cluster, seed, listener, dial } = await scene(t);
  const peer = await cluster.host('peer-1');
  const elsewhere = await cluster.host('seed-2', { role: 'seed' });
  await t.rejects(dial(peer, elsewhere), { code: UNTRUSTED, message: /not where "seed-2"/ });
  const narrow = await cluster.host('seed-1', { role: 'seed', repositories: ['other.test/*'] });
  const untrusted = await listen(t, narrow, {
    accept: () => sharedBlob(new BufferServer(blob), BYTES),
  });
  const server = new BufferServer(blob);
  await t.rejects(openWire(dialOptions(peer, seed, untrusted, sharedBlob(server, BYTES))), {
    code: UNTRUSTED,
    message: /does not cover/,
  });
  t.same(server.heard, [], 'nothing that it tells counts');
  const withoutToken = { ...peer, trust: { ...peer.trust, token: () => undefined } };
  await t.rejects(dial(withoutToken), { code: UNTRUSTED, message: /no token yet/ });
  t.equal(listener.wires.size, 0);
});

t.test('who may not have the blob is sent away, and so is one too many', async (t) => {
  const { cluster, listener, refused, dial } = await scene(t, { wiresPerHostMax: 2, wiresMax: 3 });
  const [one, two] = await Promise.all([cluster.host('peer-1'), cluster.host('peer-2')]);
  const wires = [await dial(one), await dial(one)];
  await t.rejects(dial(one), { code: 'ERR_P2P_WIRE_DIAL', retryable: true });
  wires.push(await dial(two));
  await t.rejects(dial(two), { code: 'ERR_P2P_WIRE_DIAL' });
  t.match(refused, [{ code: 'ERR_P2P_WIRE_REFUSED' }, { code: 'ERR_P2P_WIRE_REFUSED' }]);
  await wires[0]?.close();
  await until('it is closed at the other end', () => listener.wires.size === 2);
  await dial(one);
  const stingy = await scene(t, { accept: () => undefined });
  const peer = await stingy.cluster.host('peer-1');
  await t.rejects(stingy.dial(peer), { code: 'ERR_P2P_WIRE_DIAL' });
  t.match(stingy.refused, [{ code: 'ERR_P2P_WIRE_REFUSED', message: /not shared/ }]);
});

t.test('strangers that say nothing are few, and go in time', async (t) => {
  const { cluster, listener, dial } = await scene(t, {
    // One address has as many as it leaves to others: three.
    handshakesMax: 5,
    handshakeTimeoutMs: 3000,
  });
  const silent = await Promise.all([1, 2, 3].map(async () => RawPeer.dial(listener.port)));
  const oneMore = await RawPeer.dial(listener.port);
  await oneMore.untilClosed();
  for (const raw of silent) await raw.untilClosed();
  const halfway = await RawPeer.dialTls(listener.port, await cluster.host('peer-2'));
  await halfway.untilClosed();
  const wire = await dial(await cluster.host('peer-1'));
  t.ok(wire.held, 'then there is room again');
});

t.test('nobody waits for one who does not answer', async (t) => {
  const { cluster, seed, listener } = await scene(t);
  const peer = await cluster.host('peer-1');
  const options = dialOptions(peer, seed, listener, sharedBlob(new BufferServer(blob), BYTES));
  const sockets: Socket[] = [];
  const address = await serveOnLoopback(
    t,
    createServer((socket) => sockets.push(socket.resume())),
  );
  const host = { host: seed.self.host, address };
  await t.rejects(openWire({ ...options, host, handshakeTimeoutMs: 20 }), {
    code: 'ERR_P2P_WIRE_TIMEOUT',
    message: /finish its handshake within 20 ms/,
  });
  const silent = createTlsServer({ ...seed.trust.identity(), requestCert: true });
  const silentHost = { host: seed.self.host, address: await serveOnLoopback(t, silent) };
  const secured = once(silent, 'secureConnection');
  const unanswered = openWire({ ...options, host: silentHost, handshakeTimeoutMs: 3000 });
  await t.rejects(unanswered, { code: 'ERR_P2P_WIRE_TIMEOUT', message: /finish its handshake/ });
  await secured;
  const leaving = new AbortController();
  const left = openWire({ ...options, host, signal: leaving.signal });
  await until('it was dialled', () => sockets.length === 2);
  leaving.abort(new Error('changed my mind'));
  await t.rejects(left, { message: 'changed my mind' });
  for (const wrong of ['127.0.0.1:1', 'nowhere', '127.0.0.1:99999', '[::1']) {
    const dialled = openWire({ ...options, host: { host: seed.self.host, address: wrong } });
    await t.rejects(dialled, { code: 'ERR_P2P_WIRE_DIAL' }, wrong);
  }
  await until('nothing is left open', () => sockets.every(({ destroyed }) => destroyed));
});

t.test('a wire ends with the token of either side', async (t) => {
  const [seed, peer] = await TestCluster.openPair(t);
  const expiring = ({ self, trust }: TestHost): TestHost => ({
    self,
    trust: {
      ...trust,
      checkToken: (token, host, nowMs) => ({
        ...trust.checkToken(token, host, nowMs),
        expiresAtMs: nowMs - CLOCK_SKEW_MS_MAX + 50,
      }),
    },
  });
  for (const [listening, dialling] of [
    [expiring(seed), peer],
    [seed, expiring(peer)],
  ] as const) {
    const { listener, dial } = await serveBlob(t, listening, blob);
    const wire = await dial(dialling);
    await wire.closed;
    t.match(wire.closeReason, { code: 'ERR_P2P_WIRE_CLOSED' });
    await until('it is closed at the other end', () => listener.wires.size === 0);
  }
});

t.test('a renewed certificate is shown to those who come next', async (t) => {
  const cluster = await TestCluster.open(t);
  const [old, renewed, peer] = await Promise.all([
    cluster.host('seed-1', { role: 'seed' }),
    cluster.host('seed-1', { role: 'seed' }),
    cluster.host('peer-1'),
  ]);
  let identity = new TlsIdentity(old.trust.identity());
  const seed = { ...old, trust: { ...old.trust, identity: () => identity } };
  const { listener, dial } = await serveBlob(t, seed, blob);
  const shown = async () => {
    const raw = await RawPeer.dialTls(listener.port, peer);
    raw.socket.destroy();
    return raw.serverCertificate;
  };
  const before = await shown();
  identity = new TlsIdentity(renewed.trust.identity());
  listener.reloadIdentity();
  t.not(await shown(), before);
  const wire = await dial(peer);
  await listener.close();
  await listener.close();
  await wire.closed;
  await sleep(0);
});

/** The plain side: who is let in, how many, for how long; what ours say to it. */
import { createServer, type Socket } from 'node:net';
import { serveOnLoopback, until } from '@shoal/test-kit';
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { parseSwarmId } from '../src/identity/swarm-id.ts';
import { encodeBencode } from '../src/torrent/bencode.ts';
import {
  type OpenPlainWireOptions,
  openPlainWire,
} from '../src/wire/handshakes/open-plain-wire.ts';
import {
  type PlainListenerOptions,
  PlainWireListener,
} from '../src/wire/handshakes/plain-listener.ts';
import { extendedBytes, handshakeBytes, messageBytes, RawPeer } from './support/raw-peer.ts';
import { BufferServer, PATIENT, patternedBlob, SWARM, sharedBlob } from './support/wire-pair.ts';

type Tap = Parameters<typeof serveOnLoopback>[0];

const PIECE = 64 << 10;
const BYTES = 5 * PIECE + 7;
const blob = patternedBlob(BYTES);
const OTHER = parseSwarmId('00'.repeat(20));

async function listen(t: Tap, options: Partial<PlainListenerOptions> = {}) {
  const refused: Error[] = [];
  const selfId = newPeerId();
  const listener = await PlainWireListener.open({
    selfId,
    port: 0,
    listenHost: '127.0.0.1',
    handshakeTimeoutMs: 60_000,
    accept: (asked) =>
      asked === SWARM
        ? { ...sharedBlob(new BufferServer(blob), BYTES), pieceBytes: PIECE }
        : undefined,
    onRefused: (error) => refused.push(error),
    ...options,
  });
  t.teardown(async () => listener.close());
  return { listener, refused, selfId };
}

function dialOptions(port: number, changes: Partial<OpenPlainWireOptions> = {}) {
  return {
    selfId: newPeerId(),
    address: `127.0.0.1:${port}`,
    infohash: SWARM,
    torrent: {
      ...sharedBlob(new BufferServer(blob), BYTES, false),
      pieceBytes: PIECE,
    },
    ...PATIENT,
    ...changes,
  };
}

t.test('blobs that are not public are not there', async (t) => {
  const { listener, refused, selfId } = await listen(t);
  const raw = await RawPeer.dial(listener.port);
  raw.send(handshakeBytes(OTHER, newPeerId()));
  await raw.untilClosed();
  t.equal(raw.receivedBytes, 0);
  await t.rejects(openPlainWire(dialOptions(listener.port, { infohash: OTHER })), {
    code: 'ERR_P2P_WIRE_DIAL',
  });
  await t.rejects(openPlainWire(dialOptions(listener.port, { selfId })), {
    code: 'ERR_P2P_WIRE_DIAL',
  });
  t.match(refused, [
    { code: 'ERR_P2P_WIRE_REFUSED' },
    { code: 'ERR_P2P_WIRE_REFUSED' },
    { code: 'ERR_P2P_WIRE_PROTOCOL', message: /this host itself/ },
  ]);
});

t.test('so many at once, and no longer than they may', async (t) => {
  const { listener, refused } = await listen(t, { wiresPerHostMax: 2, handshakeTimeoutMs: 3000 });
  const wires = [
    await openPlainWire(dialOptions(listener.port)),
    await openPlainWire(dialOptions(listener.port)),
  ];
  await t.rejects(openPlainWire(dialOptions(listener.port)), { code: 'ERR_P2P_WIRE_DIAL' });
  t.match(refused.splice(0), [{ code: 'ERR_P2P_WIRE_REFUSED', message: /too many/ }]);
  await wires[0]?.close();
  await until('its place is free', () => listener.wires.size === 1);
  const third = await openPlainWire(dialOptions(listener.port));
  const silent = await RawPeer.dial(listener.port);
  await silent.untilClosed();
  await until('the reason is known', () => refused.length === 1);
  t.match(refused, [{ code: 'ERR_P2P_WIRE_TIMEOUT' }]);
  t.equal(third.closeReason, undefined, 'wires that are open have no such limit');
});

t.test('one that does not answer, or answers for something else', async (t) => {
  const sockets: Socket[] = [];
  const answers = [Buffer.alloc(0), handshakeBytes(OTHER, newPeerId())];
  const address = await serveOnLoopback(
    t,
    createServer((socket) => {
      sockets.push(socket.resume());
      socket.write(answers.shift() ?? Buffer.alloc(0));
    }),
  );
  const options = { ...dialOptions(0), address };
  await t.rejects(openPlainWire({ ...options, handshakeTimeoutMs: 20 }), {
    code: 'ERR_P2P_WIRE_TIMEOUT',
  });
  await t.rejects(openPlainWire(options), { code: 'ERR_P2P_WIRE_REFUSED' });
  await until('nothing is left open', () => sockets.every(({ destroyed }) => destroyed));
});

t.test('the torrent is told only where that is wanted', async (t) => {
  const ask = async (infoBytes: Buffer | undefined) => {
    const { listener } = await listen(t, {
      accept: () => ({
        ...sharedBlob(new BufferServer(blob), BYTES),
        pieceBytes: PIECE,
        infoBytes,
      }),
    });
    const raw = await RawPeer.dial(listener.port);
    raw.send(
      handshakeBytes(SWARM, newPeerId()),
      extendedBytes(0, encodeBencode(new Map([['m', new Map([['ut_metadata', 9]])]]))),
      extendedBytes(1, Buffer.from('d8:msg_typei0e5:piecei0ee')),
      messageBytes(2),
    );
    await raw.untilMessage(1);
    const extended = raw.messages.filter(({ id }) => id === 20).map(({ body }) => String(body));
    raw.socket.destroy();
    return extended;
  };
  const [hello, answer] = await ask(Buffer.from('the info'));
  t.match(hello, /13:metadata_sizei8e/);
  t.match(answer, /^\td8:msg_typei1e5:piecei0e10:total_sizei8eethe info$/);
  const silent = await ask(undefined);
  t.equal(silent.length, 1);
  t.notMatch(silent[0], /metadata_size/);
});

t.test('the torrent goes out at the pace of the port, twice and not more', async (t) => {
  const taken: number[] = [];
  const gate = Promise.withResolvers<void>();
  const { listener } = await listen(t, {
    accept: () => ({
      ...sharedBlob(new BufferServer(blob), BYTES),
      pieceBytes: PIECE,
      infoBytes: Buffer.alloc(20_000, 'i'),
      takeInfo: (bytes) => {
        taken.push(bytes);
        return gate.promise;
      },
    }),
  });
  const raw = await RawPeer.dial(listener.port);
  const ask = (piece: number) => extendedBytes(1, Buffer.from(`d8:msg_typei0e5:piecei${piece}ee`));
  raw.send(
    handshakeBytes(SWARM, newPeerId()),
    extendedBytes(0, encodeBencode(new Map([['m', new Map([['ut_metadata', 9]])]]))),
    ...[0, 1, 0, 1, 0, 7].map(ask),
  );
  const answers = () =>
    raw.messages.filter(({ id, body }) => id === 20 && body[0] === 9).map(({ body }) => body);
  const isRefusal = (body: Buffer) => body.includes('msg_typei2e');
  await until('what is too much is refused at once', () => answers().length === 2);
  t.ok(answers().every(isRefusal));
  t.equal(taken.length, 1, 'the first waits for its turn');
  gate.resolve();
  await until('the others come', () => answers().length === 6);
  t.equal(answers().filter(isRefusal).length, 2);
  t.equal(taken.length, 4);
  raw.socket.destroy();
});

t.test('what is held grows by pieces', async (t) => {
  const { listener } = await listen(t);
  const raw = await RawPeer.dial(listener.port);
  raw.send(handshakeBytes(SWARM, newPeerId(), false));
  const { body } = await raw.untilMessage(5);
  t.equal(body.toString('hex'), 'fc', 'a bitfield to one without the fast extension');
  const { listener: empty } = await listen(t, {
    accept: () => ({ ...sharedBlob(new BufferServer(blob), BYTES, false), pieceBytes: PIECE }),
  });
  const other = await RawPeer.dial(empty.port);
  other.send(handshakeBytes(SWARM, newPeerId()));
  await other.untilMessage(15);
  const [wire] = empty.wires;
  wire?.tellHeld([{ start: 10, end: 2 * PIECE + 10 }]);
  wire?.tellHeld([{ start: 0, end: 10 }]);
  wire?.tellHeld([{ start: 0, end: 2 * PIECE }]);
  wire?.tellHeld([{ start: 5 * PIECE, end: BYTES }]);
  await until('all is told', () => other.messages.filter(({ id }) => id === 4).length === 3);
  const told = other.messages.filter(({ id }) => id === 4).map((each) => each.body.readUInt32BE(0));
  t.same(told, [1, 0, 5]);
  for (const peer of [raw, other]) peer.socket.destroy();
});

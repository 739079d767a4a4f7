/** Whatever a stranger sends that breaks a rule closes his wire, and the error says which rule. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { encodeBencode } from '../src/torrent/bencode.ts';
import type { BlobWire, ServedBlock } from '../src/wire/blob-wire.ts';
import { encodeHaveRanges } from '../src/wire/extension/have-ranges.ts';
import { PlainWireListener } from '../src/wire/handshakes/plain-listener.ts';
import {
  extendedBytes,
  handshakeBytes,
  hostHello,
  messageBytes,
  RawPeer,
} from './support/raw-peer.ts';
import { TestCluster } from './support/test-cluster.ts';
import { BufferServer, listen, patternedBlob, SWARM, sharedBlob } from './support/wire-pair.ts';

type Tap = Parameters<typeof TestCluster.open>[0];
type Attack = { readonly bytes: readonly Buffer[]; readonly code: string; readonly says: RegExp };

/** 20 pieces of 16 KiB, the last one short. */
const PIECE = 16 << 10;
const BYTES = 20 * PIECE - 100;
const blob = patternedBlob(BYTES);
const PROTOCOL = 'ERR_P2P_WIRE_PROTOCOL';
const LIMIT = 'ERR_P2P_WIRE_LIMIT';
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const nested = (depth: number) => Buffer.from(`d1:a${'l'.repeat(depth)}${'e'.repeat(depth)}e`);
const manyRequests = Array.from({ length: 513 }, () => messageBytes(6, 0, 0, 100));

const attacks: Readonly<Record<string, Attack>> = {
  'a huge length': { bytes: [u32(0x7fff_ffff)], code: LIMIT, says: /length of a message/ },
  'a negative length': { bytes: [u32(0x8000_0000)], code: LIMIT, says: /is 2147483648/ },
  'the largest length': { bytes: [u32(0xffff_ffff)], code: LIMIT, says: /is 4294967295/ },
  'a length just above': { bytes: [u32((64 << 10) + 3)], code: LIMIT, says: /length of a message/ },
  'a piece above its block': {
    bytes: [u32(PIECE + 10), Buffer.of(7), u32(0), u32(0)],
    code: LIMIT,
    says: /length of a piece/,
  },
  'a piece nobody asked for': {
    bytes: [messageBytes(7, 1, 0, Buffer.alloc(100))],
    code: PROTOCOL,
    says: /unasked/,
  },
  'a piece without bytes': { bytes: [messageBytes(7, 1, 0)], code: PROTOCOL, says: /9 bytes/ },
  'a request behind the end': {
    bytes: [messageBytes(6, 19, PIECE - 150, 100)],
    code: PROTOCOL,
    says: /outside the blob/,
  },
  'a request of a far piece': {
    bytes: [messageBytes(6, 0xffff_ffff, 0, 100)],
    code: PROTOCOL,
    says: /outside the blob/,
  },
  'a request over a border': {
    bytes: [messageBytes(6, 0, 100, PIECE)],
    code: PROTOCOL,
    says: /outside the blob/,
  },
  'a request of nothing': { bytes: [messageBytes(6, 0, 0, 0)], code: PROTOCOL, says: /0 bytes/ },
  'a request of a large block': {
    bytes: [messageBytes(6, 0, 0, PIECE + 1)],
    code: LIMIT,
    says: /length of a request/,
  },
  'too many requests': { bytes: manyRequests, code: LIMIT, says: /number of requests is 513/ },
  'a short request': { bytes: [messageBytes(6, 0, 0)], code: PROTOCOL, says: /request has 9/ },
  'a bitfield too long': {
    bytes: [messageBytes(5, Buffer.alloc(4))],
    code: PROTOCOL,
    says: /bitfield has 5/,
  },
  'a bitfield too short': {
    bytes: [messageBytes(5, Buffer.alloc(2))],
    code: PROTOCOL,
    says: /bitfield has 3/,
  },
  'spare bits in a bitfield': {
    bytes: [messageBytes(5, Buffer.from([0, 0, 0x08]))],
    code: PROTOCOL,
    says: /behind the end/,
  },
  'a have of no piece': { bytes: [messageBytes(4, 20)], code: PROTOCOL, says: /no piece 20/ },
  'a reject of nothing': {
    bytes: [messageBytes(16, 0, 0, 100)],
    code: PROTOCOL,
    says: /nobody asked/,
  },
  'an extended message without number': {
    bytes: [messageBytes(20)],
    code: PROTOCOL,
    says: /extended has 1/,
  },
  'a large extended handshake': {
    bytes: [extendedBytes(0, encodeBencode(new Map([['a', Buffer.alloc(17 << 10)]])))],
    code: LIMIT,
    says: /extended handshake/,
  },
  'a deep extended handshake': {
    bytes: [extendedBytes(0, nested(5000))],
    code: PROTOCOL,
    says: /does not decode/,
  },
  'an extended handshake that never ends': {
    bytes: [extendedBytes(0, Buffer.from('d1:al'.repeat(100)))],
    code: PROTOCOL,
    says: /does not decode/,
  },
  'an extended handshake with a negative length': {
    bytes: [extendedBytes(0, Buffer.from('d-5:'))],
    code: PROTOCOL,
    says: /does not decode/,
  },
  'a number of an extension that is none': {
    bytes: [extendedBytes(0, Buffer.from('d1:md1:ai256eee'))],
    code: PROTOCOL,
    says: /number of an extension/,
  },
};

async function plainVictim(t: Tap, serve: BufferServer['serve'] | undefined) {
  const wires: BlobWire[] = [];
  const server = new BufferServer(blob);
  if (serve !== undefined) server.serve = serve;
  const refused: Error[] = [];
  const listener = await PlainWireListener.open({
    selfId: newPeerId(),
    port: 0,
    listenHost: '127.0.0.1',
    handshakeTimeoutMs: 60_000,
    accept: () => ({
      ...sharedBlob(server, BYTES),
      pieceBytes: PIECE,
      onOpen: (wire) => wires.push(wire),
    }),
    onRefused: (error) => refused.push(error),
  });
  t.teardown(async () => listener.close());
  return { listener, wires, refused };
}

const never = () => Promise.withResolvers<ServedBlock>().promise;

for (const [name, { bytes, code, says }] of Object.entries(attacks)) {
  t.test(name, async (t) => {
    const { listener, wires } = await plainVictim(t, never);
    const raw = await RawPeer.dial(listener.port);
    raw.send(handshakeBytes(SWARM, newPeerId()), ...bytes);
    await raw.untilClosed();
    await until('the reason is known', () => wires[0]?.closeReason !== undefined);
    t.match(wires[0]?.closeReason, { code, message: says });
    await until('it is gone', () => listener.wires.size === 0);
  });
}

t.test('what is allowed, or only unknown, closes nothing', async (t) => {
  const { listener, wires } = await plainVictim(t, undefined);
  const raw = await RawPeer.dial(listener.port);
  raw.send(
    handshakeBytes(SWARM, newPeerId()),
    Buffer.alloc(4),
    messageBytes(5, Buffer.from([0xff, 0, 0xf0])),
    messageBytes(99, Buffer.alloc(1000)),
    messageBytes(13, 5),
    messageBytes(17, 0xffff_ffff),
    messageBytes(9, Buffer.from([1, 2])),
    messageBytes(8, 3, 0, 100),
    extendedBytes(77, Buffer.from('nonsense')),
    messageBytes(15),
    messageBytes(2),
    messageBytes(3),
    messageBytes(6, 19, PIECE - 200, 100),
  );
  const { body } = await raw.untilMessage(7);
  t.ok(body.subarray(8).equals(blob.subarray(BYTES - 100)));
  t.equal(wires[0]?.held.bytes, 12 * PIECE - 100);
  t.equal(wires[0]?.closeReason, undefined);
  raw.socket.destroy();
});

t.test('one who speaks no BitTorrent is closed at once', async (t) => {
  const { listener, refused } = await plainVictim(t, undefined);
  for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(100, 0x13)]) {
    const raw = await RawPeer.dial(listener.port);
    raw.send(bytes);
    await raw.untilClosed();
    await until('the reason is known', () => refused.length > 0);
    t.match(refused.shift(), { code: PROTOCOL, message: /no BitTorrent/ });
  }
});

t.test('a host of ours asks for less at once than a standard client', async (t) => {
  const [seed, peer] = await TestCluster.openPair(t);
  const wires: BlobWire[] = [];
  const server = new BufferServer(blob);
  server.serve = never;
  const accepted = { ...sharedBlob(server, BYTES), onOpen: (w: BlobWire) => wires.push(w) };
  const listener = await listen(t, seed, { accept: () => accepted });
  const raw = await RawPeer.dialTls(listener.port, peer);
  raw.send(...hostHello(peer, { sizeBytes: BYTES }));
  await raw.untilMessage(1);
  raw.send(...manyRequests.slice(0, 65));
  await raw.untilClosed();
  await until('the reason is known', () => wires[0]?.closeReason !== undefined);
  t.match(wires[0]?.closeReason, { code: LIMIT, message: /number of requests is 65/ });
});

t.test('a host that has proved who it is may not break rules either', async (t) => {
  const [seed, peer] = await TestCluster.openPair(t);
  const wires: BlobWire[] = [];
  const accepted = {
    ...sharedBlob(new BufferServer(blob), BYTES),
    onOpen: (w: BlobWire) => wires.push(w),
  };
  const listener = await listen(t, seed, { accept: () => accepted });
  const behind = encodeHaveRanges([{ start: 0, end: BYTES + 1 }]);
  const cases: [Buffer, RegExp][] = [
    [behind, /ends behind/],
    [Buffer.from([1, 0xff, 0xff, 0xff, 0xff, 0x0f]), /have_ranges/],
    [Buffer.from([2, 0, 0, 0, 0, 0, 9]), /no 9 pieces/],
    [Buffer.from([2, 0]), /its length/],
    [Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 0, 1, 0x80]), Buffer.alloc(32)]), /unasked/],
    [Buffer.from([3, 0, 0, 0, 0, 0, 1, 0x81]), /too short/],
    [Buffer.alloc(13, 4), /nobody asked/],
    [Buffer.from([200]), /type 200/],
  ];
  for (const [message, says] of cases) {
    const raw = await RawPeer.dialTls(listener.port, peer);
    raw.send(...hostHello(peer, { sizeBytes: BYTES }));
    await until('a wire opens', () => wires.length === 1);
    raw.send(extendedBytes(1, message));
    await raw.untilClosed();
    await until('the reason is known', () => wires[0]?.closeReason !== undefined);
    t.match(wires.shift()?.closeReason, { code: PROTOCOL, message: says });
  }
});

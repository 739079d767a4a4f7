/** What other peers send: messages of our extension, handshakes, and whole streams of them. */
import { Socket } from 'node:net';
import { PRIORITIES } from '@shoal/blob-store';
import { ShoalError } from '@shoal/errors';
import { parseBlobId } from '@shoal/oci';
import type { FuzzTarget } from '@shoal/test-kit';
import { type HostFacts, parseHostName } from '../../src/identity/host.ts';
import { newPeerId } from '../../src/identity/peer-id.ts';
import { encodeBencode } from '../../src/torrent/bencode.ts';
import { ConnectedWire } from '../../src/wire/blocks/connected-wire.ts';
import { PieceLayout } from '../../src/wire/blocks/piece-layout.ts';
import { decodeAskHashes, encodeAskHashes } from '../../src/wire/extension/ask-hashes.ts';
import { decodeExtendedHandshake } from '../../src/wire/extension/extended-handshake.ts';
import { decodeHashes, encodeHashes } from '../../src/wire/extension/hashes.ts';
import { decodeHaveRanges, encodeHaveRanges } from '../../src/wire/extension/have-ranges.ts';
import {
  decodeHostHandshake,
  encodeHostHandshake,
  HOST_HANDSHAKE_KEY,
} from '../../src/wire/extension/host-handshake.ts';
import { decodeMetadataQuestion } from '../../src/wire/extension/metadata.ts';
import { decodeNeighbours, encodeNeighbours } from '../../src/wire/extension/neighbours.ts';
import { decodeUnavailable, encodeUnavailable } from '../../src/wire/extension/unavailable.ts';
import { decodeUrgency, encodeUrgency } from '../../src/wire/extension/urgency.ts';
import { HandshakeHandler } from '../../src/wire/handshakes/handshake-handler.ts';
import { STANDARD_BLOCK_BYTES } from '../../src/wire/limits.ts';
import { PeerWire } from '../../src/wire/messages/peer-wire.ts';
import { extendedBytes, handshakeBytes, messageBytes } from './raw-peer.ts';
import { BufferServer, SWARM, sharedBlob } from './wire-pair.ts';

const BYTES = 40 * STANDARD_BLOCK_BYTES - 1;
const server = new BufferServer(Buffer.alloc(BYTES));
const hashes = [Buffer.alloc(32, 1), undefined, Buffer.alloc(32, 2)];
const ranges = [
  { start: 0, end: 10 },
  { start: 20, end: 70_000 },
];
const facts: HostFacts = {
  ...{ host: parseHostName('a.b'), role: 'seed', zone: 'z', rack: 'r' },
  address: '10.0.0.1:4000',
};
const hello = encodeBencode(
  new Map([
    ['m', new Map([['shoal', 1]])],
    [
      HOST_HANDSHAKE_KEY,
      encodeHostHandshake({
        facts,
        token: 'v1.a.b',
        repository: 'r/n',
        blob: { blobId: parseBlobId('ab'.repeat(32)), sizeBytes: BYTES },
      }),
    ],
  ]),
);

function decodeHello(input: Buffer): unknown {
  return decodeHostHandshake(decodeExtendedHandshake(input).fields.get(HOST_HANDSHAKE_KEY));
}

/** Opens at the first handshake. */
class Opening extends HandshakeHandler {
  open: () => void = () => {};
  reason: Error | undefined;
  override onHandshake(): void {
    this.open();
  }
  override onExtendedHandshake(): void {}
  override onClosed(error: Error): void {
    this.reason = error;
  }
}

/** A whole wire over a socket that leads nowhere; what closes it has to be a coded error. */
function hear(input: Buffer): void {
  const socket = new Socket();
  const handler = new Opening();
  const peer = new PeerWire(socket, {
    handler,
    blockBytesMax: STANDARD_BLOCK_BYTES,
    extensions: ['ut_metadata', 'shoal', 'shoal_urgency'],
    extendedHandshake: () => new Map(),
  });
  const layout = new PieceLayout(BYTES, STANDARD_BLOCK_BYTES, STANDARD_BLOCK_BYTES);
  const wire = new ConnectedWire({
    peer,
    facts: { peerId: newPeerId(), host: undefined, repository: undefined },
    layout,
    blob: sharedBlob(server, BYTES),
    latencyMs: 1,
    endConnection: async () => {},
    infoBytes: Buffer.alloc(100),
  });
  handler.open = () => {
    wire.takeOver();
    wire.begin();
  };
  for (let at = 0; at < input.length; at += 50) peer.receive(input.subarray(at, at + 50));
  const reason = wire.closeReason ?? handler.reason;
  if (!peer.isClosed) peer.finish();
  socket.destroy();
  const cause: unknown = reason?.cause;
  if (reason !== undefined && (!(reason instanceof ShoalError) || cause !== undefined)) {
    throw cause ?? reason;
  }
}

const stream = Buffer.concat([
  handshakeBytes(SWARM, newPeerId()),
  extendedBytes(0, encodeBencode(new Map([['m', new Map([['ut_metadata', 3]])]]))),
  messageBytes(15),
  messageBytes(5, Buffer.from([0x80, 0, 0, 0, 0x10])),
  messageBytes(2),
  messageBytes(1),
  messageBytes(4, 3),
  messageBytes(6, 1, 0, STANDARD_BLOCK_BYTES),
  messageBytes(8, 1, 0, STANDARD_BLOCK_BYTES),
  Buffer.alloc(4),
  extendedBytes(1, Buffer.from('d8:msg_typei0e5:piecei0ee')),
  extendedBytes(2, encodeHaveRanges(ranges)),
  extendedBytes(2, encodeAskHashes({ firstPiece: 1, count: 3 })),
  extendedBytes(3, encodeUrgency('background')),
  messageBytes(6, 2, 0, STANDARD_BLOCK_BYTES),
]);

export const wireFuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'wire-have-ranges',
    samples: () => [encodeHaveRanges(ranges), encodeHaveRanges([])],
    run: (input) => decodeHaveRanges(input, BYTES),
  },
  {
    name: 'wire-ask-hashes',
    samples: () => [encodeAskHashes({ firstPiece: 1, count: 3 })],
    run: (input) => decodeAskHashes(input, 40),
  },
  {
    name: 'wire-hashes',
    samples: () => [encodeHashes({ firstPiece: 7, count: 3, hashes })],
    run: (input) => decodeHashes(input),
  },
  {
    name: 'wire-unavailable',
    samples: () => [encodeUnavailable({ index: 1, offset: 2, length: 3 })],
    run: (input) => decodeUnavailable(input),
  },
  {
    name: 'wire-urgency',
    samples: () => PRIORITIES.map(encodeUrgency),
    run: (input) => decodeUrgency(input),
  },
  {
    name: 'wire-neighbours',
    samples: () => [encodeNeighbours([facts, facts]), encodeNeighbours([])],
    run: (input) => decodeNeighbours(input),
  },
  { name: 'wire-host-handshake', samples: () => [hello], run: decodeHello },
  {
    name: 'wire-metadata',
    samples: () => [Buffer.from('d8:msg_typei0e5:piecei0ee')],
    run: (input) => decodeMetadataQuestion(input),
  },
  { name: 'wire-stream', samples: () => [stream], run: hear },
];

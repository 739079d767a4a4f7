/** Two ends of a wire in one process, over real sockets: TLS between hosts, or plain. */
import { parseBlobId } from '@shoal/oci';
import type { HostFacts } from '../../src/identity/host.ts';
import { newPeerId } from '../../src/identity/peer-id.ts';
import type { SwarmId } from '../../src/identity/swarm-id.ts';
import { swarmIdOf } from '../../src/identity/swarm-id.ts';
import type { ByteRange } from '../../src/ranges/byte-range.ts';
import type { BlobWire, ServedBlock, SharedBlob, WireServer } from '../../src/wire/blob-wire.ts';
import type { AcceptedBlob } from '../../src/wire/handshakes/host-greeting.ts';
import { openPlainWire } from '../../src/wire/handshakes/open-plain-wire.ts';
import type { OpenWireOptions } from '../../src/wire/handshakes/open-wire.ts';
import { openWire } from '../../src/wire/handshakes/open-wire.ts';
import { PlainWireListener } from '../../src/wire/handshakes/plain-listener.ts';
import type { WireListenerOptions } from '../../src/wire/handshakes/wire-listener.ts';
import { WireListener } from '../../src/wire/handshakes/wire-listener.ts';
import { TestCluster, type TestHost } from './test-cluster.ts';

type Tap = Parameters<typeof TestCluster.open>[0];

export const BLOB_ID = parseBlobId('ab'.repeat(32));
export const SWARM: SwarmId = swarmIdOf(BLOB_ID);
export const REPOSITORY = 'registry.test/library/app';
/** A loaded machine may take long for anything. */
export const PATIENT = { dialTimeoutMs: 60_000, handshakeTimeoutMs: 60_000 };

/** Bytes that differ from place to place. */
export function patternedBlob(bytes: number): Buffer {
  const blob = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) blob.writeUInt32BE((at * 2654435761) >>> 0, at);
  return blob;
}

/** Serves a buffer, and remembers what it was told. */
export class BufferServer implements WireServer {
  readonly heard: ByteRange[] = [];
  readonly neighbours: HostFacts[] = [];
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  async serve(_wire: BlobWire, offset: number, length: number): Promise<ServedBlock> {
    return { bytes: this.bytes.subarray(offset, offset + length) };
  }

  hashes(_wire: BlobWire, firstPiece: number, count: number): readonly (Buffer | undefined)[] {
    return Array.from({ length: count }, (_, index) =>
      (firstPiece + index) % 2 === 0 ? Buffer.alloc(32, firstPiece + index) : undefined,
    );
  }

  onHeld(_wire: BlobWire, ranges: readonly ByteRange[]): void {
    this.heard.push(...ranges);
  }

  onNeighbours(_wire: BlobWire, hosts: readonly HostFacts[]): void {
    this.neighbours.push(...hosts);
  }
}

export function sharedBlob(server: WireServer, bytes: number, held = true): SharedBlob {
  return {
    blobBytes: bytes,
    server,
    held: () => (held && bytes > 0 ? [{ start: 0, end: bytes }] : []),
  };
}

export type WirePair = {
  /** The end that has dialled. */
  readonly dialled: BlobWire;
  readonly accepted: BlobWire;
  readonly dialServer: BufferServer;
};

/** A listener of a seed on a free port, closed with the test. */
export async function listen(
  t: Tap,
  { self, trust }: TestHost,
  options: Partial<WireListenerOptions> & Pick<WireListenerOptions, 'accept'>,
): Promise<WireListener> {
  const listener = await WireListener.open({
    self,
    trust,
    port: 0,
    listenHost: '127.0.0.1',
    handshakeTimeoutMs: 60_000,
    ...options,
  });
  t.teardown(async () => listener.close());
  return listener;
}

/** What a peer dials a listener with. */
export function dialOptions(
  from: TestHost,
  to: TestHost,
  listener: WireListener,
  blob: SharedBlob,
): OpenWireOptions {
  return {
    self: from.self,
    trust: from.trust,
    host: { host: to.self.host, address: `127.0.0.1:${listener.port}` },
    blobId: BLOB_ID,
    repository: REPOSITORY,
    blob,
    ...PATIENT,
  };
}

/** `seed` listens and serves `blob`; whoever dials it serves the same. */
export async function serveBlob(
  t: Tap,
  seed: TestHost,
  blob: Buffer,
  options: Partial<WireListenerOptions> = {},
) {
  const server = new BufferServer(blob);
  const accept = () => sharedBlob(server, blob.length);
  const listener = await listen(t, seed, { accept, ...options });
  const dial = (from: TestHost, to = seed) =>
    openWire(dialOptions(from, to, listener, sharedBlob(new BufferServer(blob), blob.length)));
  return { server, listener, dial };
}

/** Over TLS; the listener serves with `server`, the other end holds nothing. */
export async function tlsPair(t: Tap, server: WireServer, bytes: number): Promise<WirePair> {
  const [seed, peer] = await TestCluster.openPair(t);
  const opened = Promise.withResolvers<BlobWire>();
  const accepted: AcceptedBlob = { ...sharedBlob(server, bytes), onOpen: opened.resolve };
  const listener = await listen(t, seed, { accept: () => accepted });
  const dialServer = new BufferServer(Buffer.alloc(bytes));
  const blob = sharedBlob(dialServer, bytes, false);
  const dialled = await openWire(dialOptions(peer, seed, listener, blob));
  t.teardown(async () => dialled.close());
  return { dialled, accepted: await opened.promise, dialServer };
}

/** Both ends are ours, and take each other for standard clients. */
export async function plainPair(t: Tap, server: WireServer, bytes: number): Promise<WirePair> {
  const opened = Promise.withResolvers<BlobWire>();
  const pieceBytes = 256 << 10;
  const listener = await PlainWireListener.open({
    selfId: newPeerId(),
    port: 0,
    listenHost: '127.0.0.1',
    accept: () => ({ ...sharedBlob(server, bytes), pieceBytes, onOpen: opened.resolve }),
  });
  t.teardown(async () => listener.close());
  const dialServer = new BufferServer(Buffer.alloc(bytes));
  const dialled = await openPlainWire({
    selfId: newPeerId(),
    address: `127.0.0.1:${listener.port}`,
    infohash: SWARM,
    torrent: { ...sharedBlob(dialServer, bytes, false), pieceBytes },
    ...PATIENT,
  });
  t.teardown(async () => dialled.close());
  return { dialled, accepted: await opened.promise, dialServer };
}

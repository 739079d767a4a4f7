/** A peer that says whatever a test wants, byte by byte, and remembers what it was told. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BlobId } from '@shoal/oci';
import { until } from '@shoal/test-kit';
import { type PeerId, peerIdOf } from '../../src/identity/peer-id.ts';
import { type SwarmId, swarmIdOf } from '../../src/identity/swarm-id.ts';
import { encodeBencode } from '../../src/torrent/bencode.ts';
import {
  encodeHostHandshake,
  HOST_HANDSHAKE_KEY,
} from '../../src/wire/extension/host-handshake.ts';
import type { TestHost } from './test-cluster.ts';
import { BLOB_ID, REPOSITORY } from './wire-pair.ts';

const HANDSHAKE_BYTES = 68;
const PROTOCOL = Buffer.from('\u0013BitTorrent protocol', 'latin1');

export type RawMessage = { readonly id: number; readonly body: Buffer };

export function handshakeBytes(swarmId: SwarmId, peerId: PeerId, fast = true): Buffer {
  const reserved = Buffer.from([0, 0, 0, 0, 0, 0x10, 0, fast ? 4 : 0]);
  const ids = [Buffer.from(swarmId, 'hex'), Buffer.from(peerId, 'hex')];
  return Buffer.concat([PROTOCOL, reserved, ...ids]);
}

export function messageBytes(id: number, ...parts: readonly (number | Buffer)[]): Buffer {
  const body = parts.map((part) => {
    if (typeof part !== 'number') return part;
    const number = Buffer.alloc(4);
    number.writeUInt32BE(part);
    return number;
  });
  const length = Buffer.alloc(5);
  length.writeUInt32BE(1 + body.reduce((sum, part) => sum + part.length, 0));
  length[4] = id;
  return Buffer.concat([length, ...body]);
}

export function extendedBytes(number: number, body: Buffer): Buffer {
  return messageBytes(20, Buffer.concat([Buffer.of(number), body]));
}

export class RawPeer {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  #serverCertificate = '';

  /** Plain. */
  static async dial(
    port: number,
    { localAddress = '127.0.0.1' }: { readonly localAddress?: string } = {},
  ): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    const peer = new RawPeer(socket);
    await once(socket, 'connect');
    return peer;
  }

  /** TLS with a host's certificate. */
  static async dialTls(port: number, { trust }: Pick<TestHost, 'trust'>): Promise<RawPeer> {
    const { ca, cert, key } = trust.identity();
    const socket = connectTls({
      ...{ port, host: '127.0.0.1', ca, cert, key },
      checkServerIdentity: () => undefined,
    });
    const peer = new RawPeer(socket);
    await once(socket, 'secureConnect');
    peer.#serverCertificate = socket.getPeerCertificate().fingerprint256;
    return peer;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#chunks.push(bytes));
    socket.on('error', () => {});
  }

  /** Its fingerprint; '' without TLS. */
  get serverCertificate(): string {
    return this.#serverCertificate;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  get receivedBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Whole messages behind the handshake. */
  get messages(): RawMessage[] {
    const bytes = Buffer.concat(this.#chunks);
    const messages: RawMessage[] = [];
    for (let at = HANDSHAKE_BYTES; at + 4 <= bytes.length; ) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      if (end > at + 4)
        messages.push({ id: bytes[at + 4] ?? 0, body: bytes.subarray(at + 5, end) });
      at = end;
    }
    return messages;
  }

  async untilMessage(id: number): Promise<RawMessage> {
    await until(`a message ${id} comes`, () => this.messages.some((each) => each.id === id));
    return this.messages.find((each) => each.id === id) ?? { id, body: Buffer.alloc(0) };
  }

  async untilClosed(): Promise<void> {
    await until('the other side closes', () => this.socket.closed || this.socket.readableEnded);
    this.socket.destroy();
  }
}

/** Both handshakes of a host, as an honest one sends them; a test changes what it wants to. */
export function hostHello(
  { self, trust }: TestHost,
  changes: {
    readonly facts?: Partial<TestHost['self']>;
    readonly token?: string;
    readonly repository?: string;
    readonly peerId?: PeerId;
    /** @default the one of these tests */
    readonly blobId?: BlobId;
    readonly sizeBytes: number;
  },
): Buffer[] {
  const { blobId = BLOB_ID, sizeBytes } = changes;
  const host = encodeHostHandshake({
    facts: { ...self, ...changes.facts },
    token: changes.token ?? trust.token() ?? '',
    repository: changes.repository ?? REPOSITORY,
    blob: { blobId, sizeBytes },
  });
  const extended = encodeBencode(
    new Map([
      ['m', new Map([['shoal', 7]])],
      [HOST_HANDSHAKE_KEY, host],
    ]),
  );
  const swarmId = swarmIdOf(blobId);
  return [
    handshakeBytes(swarmId, changes.peerId ?? peerIdOf(self.host)),
    extendedBytes(0, extended),
  ];
}

/** Two ends of a wire of ours without TLS and handshakes of hosts: what is left is the wire itself. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { serveOnLoopback, until } from '@shoal/test-kit';
import { parseHostName } from '../../src/identity/host.ts';
import { newPeerId } from '../../src/identity/peer-id.ts';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../../src/limits.ts';
import type { WireServer } from '../../src/wire/blob-wire.ts';
import { ConnectedWire } from '../../src/wire/blocks/connected-wire.ts';
import { PieceLayout } from '../../src/wire/blocks/piece-layout.ts';
import { endSocket } from '../../src/wire/handshakes/connection.ts';
import { HandshakeHandler } from '../../src/wire/handshakes/handshake-handler.ts';
import { PeerWire } from '../../src/wire/messages/peer-wire.ts';
import { SWARM, sharedBlob } from './wire-pair.ts';

type Tap = Parameters<typeof serveOnLoopback>[0];

/** Believes everything. */
class Believer extends HandshakeHandler {
  isKnown = false;
  override onHandshake(): void {}
  override onExtendedHandshake(): void {
    this.isKnown = true;
  }
  override onClosed(): void {}
}

type End = { readonly wire: ConnectedWire; readonly peer: PeerWire };

function endOf(socket: Socket, server: WireServer, bytes: number, holds: boolean) {
  const handler = new Believer();
  const peer = new PeerWire(socket, {
    handler,
    blockBytesMax: BLOCK_BYTES_MAX,
    extensions: ['shoal'],
    extendedHandshake: () => new Map(),
  });
  peer.handshakeAhead(SWARM, newPeerId());
  const open = async (): Promise<End> => {
    await until('the handshakes are done', () => handler.isKnown);
    const host = parseHostName('h');
    const facts = { host, role: 'peer', zone: '', rack: '', address: '' } as const;
    const wire = new ConnectedWire({
      peer,
      facts: { peerId: newPeerId(), host: facts, repository: 'r' },
      layout: new PieceLayout(bytes, PIECE_BYTES, BLOCK_BYTES_MAX),
      blob: sharedBlob(server, bytes, holds),
      latencyMs: 1,
      endConnection: () => endSocket(socket),
    });
    wire.takeOver();
    return { wire, peer };
  };
  return open;
}

/** `relay`: what a connection goes through on the way. */
export async function barePair(
  t: Tap,
  server: WireServer,
  bytes: number,
  relay: (address: string) => Promise<string> = async (address) => address,
): Promise<{ asking: End; serving: End }> {
  const arrived = Promise.withResolvers<Socket>();
  const address = await serveOnLoopback(t, createServer(arrived.resolve));
  const [host = '', port] = (await relay(address)).split(':');
  const socket = connect(Number(port), host);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const openAsking = endOf(socket, server, bytes, false);
  const openServing = endOf(await arrived.promise, server, bytes, true);
  const [asking, serving] = await Promise.all([openAsking(), openServing()]);
  serving.wire.begin();
  asking.wire.begin();
  return { asking, serving };
}

/** A relay that cuts what it passes on into pieces of these lengths, in turn. */
export async function cuttingRelay(
  t: Tap,
  target: string,
  lengths: readonly number[],
): Promise<string> {
  const [host = '', port] = target.split(':');
  const pass = (from: Socket, to: Socket) => {
    let turn = 0;
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; turn++) {
        const end = at + (lengths[turn % lengths.length] ?? 1);
        to.write(bytes.subarray(at, end));
        at = end;
      }
    });
  };
  return serveOnLoopback(
    t,
    createServer((near) => {
      const far = connect(Number(port), host);
      for (const socket of [near, far]) socket.setNoDelay(true);
      pass(near, far);
      pass(far, near);
    }),
  );
}

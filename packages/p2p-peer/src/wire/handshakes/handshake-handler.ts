/** What a wire hears before both sides know each other: handshakes, and nothing else. */
import type { ShoalError } from '@shoal/errors';
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import { WireProtocolError } from '../errors.ts';
import type { ExtendedHandshake } from '../extension/extended-handshake.ts';
import type { PeerWireHandler } from '../messages/peer-wire-handler.ts';

export abstract class HandshakeHandler implements PeerWireHandler {
  abstract onHandshake(
    swarmId: SwarmId,
    peerId: PeerId,
    extensions: { readonly fast: boolean; readonly extended: boolean },
  ): void;
  abstract onExtendedHandshake(handshake: ExtendedHandshake): void;
  abstract onClosed(error: ShoalError): void;

  onDrain(): void {}

  onExtension(): void {
    tooEarly();
  }

  onChoke(): void {
    tooEarly();
  }

  onUnchoke(): void {
    tooEarly();
  }

  onInterested(): void {
    tooEarly();
  }

  onHave(): void {
    tooEarly();
  }

  onBitfield(): void {
    tooEarly();
  }

  onHaveAll(): void {
    tooEarly();
  }

  onRequest(): void {
    tooEarly();
  }

  onCancel(): void {
    tooEarly();
  }
}

function tooEarly(): never {
  throw new WireProtocolError('a message before its handshakes were checked');
}

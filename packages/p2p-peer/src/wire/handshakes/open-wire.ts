/**
 * Dialling a host of ours: TLS with both certificates, then both handshakes in one round trip. What
 * this host holds is told, and requests are answered, only when the other side has proved who it is.
 */
import type { TLSSocket } from 'node:tls';
import type { ShoalError } from '@shoal/errors';
import type { BlobId } from '@shoal/oci';
import { quoted } from '@shoal/oci';
import type { HostFacts } from '../../identity/host.ts';
import { type PeerId, peerIdOf } from '../../identity/peer-id.ts';
import { type SwarmId, swarmIdOf } from '../../identity/swarm-id.ts';
import { type CertificateIdentity, identityOf } from '../../trust/certificate-identity.ts';
import type { BlobWire, SharedBlob } from '../blob-wire.ts';
import {
  WireClosedError,
  WireDialError,
  WireProtocolError,
  WireUntrustedError,
} from '../errors.ts';
import type { ExtendedHandshake } from '../extension/extended-handshake.ts';
import { DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from '../limits.ts';
import { PeerWire } from '../messages/peer-wire.ts';
import { SocketFeed } from '../messages/socket-feed.ts';
import type { WireLog } from '../wire-log.ts';
import { ConnectionLimit, dialSecurely, secured } from './connection.ts';
import { HandshakeHandler } from './handshake-handler.ts';
import { hostWire } from './host-wire.ts';
import { hostWireOptions } from './shoal-hello.ts';
import { checkHost, checkPeerId, type TrustedHost, type WireTrust } from './wire-trust.ts';

export type OpenWireOptions = {
  readonly self: HostFacts;
  /** Whom to dial: nobody else may answer at its address. */
  readonly host: Pick<HostFacts, 'host' | 'address'>;
  readonly blobId: BlobId;
  /** `registry/repository` that the blob is read from. */
  readonly repository: string;
  readonly blob: SharedBlob;
  readonly trust: WireTrust;
  readonly log?: WireLog | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The host is there: what follows takes as long as it is busy. */
  readonly onConnected?: (() => void) | undefined;
  /** @default DIAL_TIMEOUT_MS */
  readonly dialTimeoutMs?: number;
  /** TLS included. @default HANDSHAKE_TIMEOUT_MS */
  readonly handshakeTimeoutMs?: number;
};

/**
 * Throws `ERR_P2P_WIRE_DIAL`, `ERR_P2P_WIRE_TIMEOUT`, `ERR_P2P_WIRE_UNTRUSTED`,
 * `ERR_P2P_WIRE_PROTOCOL`, `ERR_P2P_WIRE_LIMIT`, or the reason of the signal.
 */
export async function openWire(options: OpenWireOptions): Promise<BlobWire> {
  const { host, signal, trust } = options;
  const { address } = host;
  const { dialTimeoutMs = DIAL_TIMEOUT_MS, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options;
  const feed = new SocketFeed();
  const { onread } = feed;
  const dialled = { address, timeoutMs: dialTimeoutMs, signal };
  const socket = await dialSecurely(dialled, trust.identity(), onread);
  options.onConnected?.();
  const limit = new ConnectionLimit(socket, handshakeTimeoutMs, 'finish its handshake', signal);
  try {
    await secured(socket, address);
    const certificate = identityOf(socket.getPeerCertificate());
    if (certificate?.host !== host.host) {
      throw new WireUntrustedError(`${quoted(address)} is not where ${quoted(host.host)} answers`);
    }
    return await new HostDial({ socket, feed, certificate }, options).connected;
  } catch (error) {
    socket.destroy();
    throw limit.reason ?? error;
  } finally {
    limit.lift();
  }
}

/** A connection to somebody who has shown his certificate. */
type Dialled = {
  readonly socket: TLSSocket;
  readonly feed: SocketFeed;
  readonly certificate: CertificateIdentity;
};

class HostDial extends HandshakeHandler {
  readonly connected: Promise<BlobWire>;
  readonly #settle: PromiseWithResolvers<BlobWire>;
  readonly #options: OpenWireOptions;
  readonly #certificate: CertificateIdentity;
  readonly #socket: TLSSocket;
  readonly #peer: PeerWire;
  readonly #swarmId: SwarmId;
  readonly #startedAtMs = performance.now();
  #peerId: PeerId | undefined;

  constructor({ socket, feed, certificate }: Dialled, options: OpenWireOptions) {
    super();
    this.#settle = Promise.withResolvers<BlobWire>();
    this.connected = this.#settle.promise;
    // It is closed also where nobody waits for it, since this constructor threw.
    this.connected.catch(() => {});
    this.#options = options;
    this.#certificate = certificate;
    this.#socket = socket;
    const { self, trust, log, repository, blobId } = options;
    const blob = { blobId, sizeBytes: options.blob.blobBytes };
    this.#swarmId = swarmIdOf(blobId);
    const hello = { self, trust, log, repository: () => repository, blob: () => blob };
    this.#peer = new PeerWire(socket, { ...hostWireOptions(this, hello), feed });
    this.#peer.handshakeAhead(this.#swarmId, peerIdOf(self.host));
  }

  onHandshake(swarmId: SwarmId, peerId: PeerId, { fast }: { readonly fast: boolean }): void {
    if (swarmId !== this.#swarmId) throw new WireProtocolError('it answers for another blob');
    if (!fast) throw new WireProtocolError('it lacks the fast extension');
    checkPeerId(this.#certificate, peerId);
    this.#peerId = peerId;
  }

  onExtendedHandshake(handshake: ExtendedHandshake): void {
    const { repository, trust } = this.#options;
    const trusted = checkHost(this.#certificate, handshake, trust.checkToken);
    if (trusted.repository !== repository) {
      throw new WireProtocolError('it answers for another repository');
    }
    this.#settle.resolve(this.#connect(trusted));
  }

  onClosed(error: ShoalError): void {
    // Why it closed is not told to us: it does not know us.
    const detail = 'it closed the wire during the handshake';
    const { address } = this.#options.host;
    const isTheirs = error instanceof WireClosedError;
    this.#settle.reject(isTheirs ? new WireDialError(address, detail, { cause: error }) : error);
  }

  #connect({ facts, repository, expiresAtMs }: TrustedHost): BlobWire {
    const { blob } = this.#options;
    const peerId = this.#peerId ?? peerIdOf(facts.host);
    const wire = hostWire({
      ...{ peer: this.#peer, socket: this.#socket, blob, expiresAtMs },
      facts: { peerId, host: facts, repository },
      latencyMs: performance.now() - this.#startedAtMs,
    });
    wire.begin();
    return wire;
  }
}

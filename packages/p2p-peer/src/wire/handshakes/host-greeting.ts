/** One who came to the peer port, until it is known who he is and what he may have. */
import type { TLSSocket } from 'node:tls';
import type { SizedBlob } from '@shoal/blob-store';
import { ShoalError } from '@shoal/errors';
import type { HostFacts } from '../../identity/host.ts';
import { type PeerId, peerIdOf } from '../../identity/peer-id.ts';
import { type SwarmId, swarmIdOf } from '../../identity/swarm-id.ts';
import { type CertificateIdentity, identityOf } from '../../trust/certificate-identity.ts';
import { type AddressGroup, addressGroupOf } from '../address-group.ts';
import type { BlobWire, SharedBlob, WireFacts } from '../blob-wire.ts';
import { WireProtocolError, WireRefusedError } from '../errors.ts';
import type { ExtendedHandshake } from '../extension/extended-handshake.ts';
import { PeerWire } from '../messages/peer-wire.ts';
import type { WireLog } from '../wire-log.ts';
import type { Admission } from './admission.ts';
import { ConnectionLimit } from './connection.ts';
import { HandshakeHandler } from './handshake-handler.ts';
import { hostWire } from './host-wire.ts';
import { hostWireOptions } from './shoal-hello.ts';
import { checkHost, checkPeerId, type TrustedHost, type WireTrust } from './wire-trust.ts';

/** What is shared with one who came. */
export type AcceptedBlob = SharedBlob & {
  /** Told once the wire is open, before anything comes over it. */
  readonly onOpen?: (wire: BlobWire) => void;
};

/** Certificate and token are checked; undefined when the blob is not shared with this host. */
export type AcceptBlob = (
  blob: SizedBlob,
  facts: WireFacts,
) => AcceptedBlob | undefined | Promise<AcceptedBlob | undefined>;

export type HostGreetingOptions = {
  readonly self: HostFacts;
  readonly trust: WireTrust;
  readonly accept: AcceptBlob;
  readonly log?: WireLog | undefined;
  readonly admission: Admission;
  readonly handshakeTimeoutMs: number;
};

type AskedWire = { readonly swarmId: SwarmId; readonly peerId: PeerId };

/** Until a wire has told how long its blocks take, one who came counts as near. */
const FIRST_LATENCY_MS = 1;

export class HostGreeting extends HandshakeHandler {
  /** Rejects with the reason why he was sent away. */
  readonly connected: Promise<BlobWire>;
  readonly #settle: PromiseWithResolvers<BlobWire>;
  readonly #options: HostGreetingOptions;
  readonly #socket: TLSSocket;
  readonly #from: AddressGroup;
  readonly #certificate: CertificateIdentity | undefined;
  readonly #peer: PeerWire;
  readonly #limit: ConnectionLimit;
  #asked: AskedWire | undefined;
  #trusted: TrustedHost | undefined;

  constructor(socket: TLSSocket, options: HostGreetingOptions) {
    super();
    const { self, trust, log, handshakeTimeoutMs } = options;
    this.#settle = Promise.withResolvers<BlobWire>();
    this.connected = this.#settle.promise;
    this.#options = options;
    this.#socket = socket;
    this.#from = addressGroupOf(socket.remoteAddress);
    this.#certificate = identityOf(socket.getPeerCertificate());
    this.#limit = new ConnectionLimit(socket, handshakeTimeoutMs, 'finish its handshake');
    this.#peer = new PeerWire(
      socket,
      hostWireOptions(this, {
        ...{ self, trust, log },
        repository: () => this.#known.repository,
        blob: () => this.#known.blob,
      }),
    );
  }

  onHandshake(swarmId: SwarmId, peerId: PeerId, { fast }: { readonly fast: boolean }): void {
    if (!fast) throw new WireProtocolError('it lacks the fast extension');
    checkPeerId(this.#certificate, peerId);
    this.#asked = { swarmId, peerId };
  }

  onExtendedHandshake(handshake: ExtendedHandshake): void {
    const asked = this.#asked;
    if (asked === undefined) throw new WireProtocolError('it names no blob');
    const trusted = checkHost(this.#certificate, handshake, this.#options.trust.checkToken);
    if (swarmIdOf(trusted.blob.blobId) !== asked.swarmId) {
      throw new WireProtocolError('it names a blob of another swarm');
    }
    if (this.#trusted !== undefined) throw new WireProtocolError('a second handshake');
    this.#trusted = trusted;
    void this.#admit(asked, trusted);
  }

  /** Nothing but the end of the connection comes meanwhile: it waits for our handshakes. */
  async #admit({ swarmId, peerId }: AskedWire, trusted: TrustedHost): Promise<void> {
    const { accept, admission, self } = this.#options;
    const { facts: host, repository } = trusted;
    const facts: WireFacts = { peerId, host, repository };
    try {
      const blob = await accept(trusted.blob, facts);
      if (this.#peer.isClosed) return;
      if (blob?.blobBytes !== trusted.blob.sizeBytes) {
        throw new WireRefusedError('the blob is not shared with it');
      }
      const leave = admission.enter(host.host, this.#from);
      if (leave === undefined) throw new WireRefusedError('there are too many wires');
      this.#limit.lift();
      const wire = hostWire({
        ...{ peer: this.#peer, socket: this.#socket, facts, blob },
        ...{ latencyMs: FIRST_LATENCY_MS, expiresAtMs: trusted.expiresAtMs },
      });
      void wire.closed.then(leave);
      this.#peer.handshakeAhead(swarmId, peerIdOf(self.host));
      blob.onOpen?.(wire);
      wire.begin();
      this.#settle.resolve(wire);
    } catch (error) {
      this.#peer.fail(error instanceof ShoalError ? error : new WireRefusedError('it failed'));
    }
  }

  get #known(): TrustedHost {
    if (this.#trusted === undefined) throw new WireProtocolError('it names no blob');
    return this.#trusted;
  }

  onClosed(error: ShoalError): void {
    this.#limit.lift();
    this.#settle.reject(this.#limit.reason ?? error);
  }
}

/**
 * One blob among hosts: reads it for this host from whoever has it, and answers others out of what
 * is held. As a home of an extent it fetches from the origin what nobody has, once for all of them.
 */
import type { BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { type Priority, priorityOf } from '@shoal/blob-store';
import { orAbort } from '@shoal/concurrency';
import type { BlobId } from '@shoal/oci';
import { PeerClosedError, StoredBlobSizeError } from '../errors.ts';
import type { HostDirectory } from '../hosts/host-directory.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { type SwarmId, swarmIdOf } from '../identity/swarm-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { Bans } from '../select/bans.ts';
import type { PeerCredits } from '../select/credits.ts';
import { Refusals } from '../select/refusals.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { BlobWire, SharedBlob } from '../wire/blob-wire.ts';
import { Disputes } from './disputes.ts';
import type { HomeOriginOf } from './home-reads.ts';
import type { HostLimits } from './host-limits.ts';
import type { JudgedRead } from './judged-read.ts';
import { FIRST_BYTE, readHearingSize } from './said-size.ts';
import { SwarmFetches } from './swarm-fetches.ts';
import { SwarmServer } from './swarm-server.ts';
import { SwarmWires } from './swarm-wires.ts';
import { TrustedReads } from './trusted-reads.ts';

export type SwarmInput = {
  readonly stored: StoredBlob;
  readonly directory: HostDirectory;
  readonly bans: Bans;
  readonly credits: PeerCredits;
  readonly limits: HostLimits;
  /** Dials a host for this blob, which it will read as one of the swarm's repository. */
  readonly open: (swarm: Swarm, host: HostFacts, onConnected: () => void) => Promise<BlobWire>;
  /** This host's own way to origins, for others. */
  readonly originOf: HomeOriginOf;
  /** Bytes were held here already. */
  readonly onStoreRead: (bytes: number, priority: Priority) => void;
  /** Bytes went out to peers. */
  readonly onServed: (bytes: number) => void;
  /** An origin has given so many bytes for other hosts. */
  readonly onHomeBytes: (bytes: number, cause: Priority) => void;
  /** Hosts that share the blob, as others say. */
  readonly onNeighbours: (swarm: Swarm, hosts: readonly HostFacts[]) => void;
  /** That repository's origin has given bytes of the blob; once for each. */
  readonly onLearnt: (swarm: Swarm, repository: string) => void;
  readonly counts: PeerCounts;
  readonly nowMs: () => number;
};

export type SwarmRead = {
  /** `registry/repository` that the reader reads from. */
  readonly repository: string;
  /** The reader's own way to the origin. */
  readonly origin: BlobSource;
  readonly options: BlobReadOptions;
};

export type TrustedReader = Pick<SwarmRead, 'origin'> & {
  readonly onFetched: (sourceName: string, bytes: number, priority: Priority) => void;
};

const NEVER_ABORTED = new AbortController().signal;

export class Swarm implements AsyncDisposable {
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  readonly swarmId: SwarmId;
  readonly wires: SwarmWires;
  readonly #input: SwarmInput;
  readonly #fetches: SwarmFetches;
  readonly #server: SwarmServer;
  readonly #disputes: Disputes;
  readonly #closing = new AbortController();
  /** Reads that show what is in a repository. */
  readonly #proofs = new Map<BlobSource, Promise<void>>();
  #repository: string | undefined;
  #isSizeConfirmed = false;

  constructor(input: SwarmInput) {
    const { stored, bans, credits, directory, counts, limits, nowMs } = input;
    this.#input = input;
    this.blobId = stored.blobId;
    this.sizeBytes = stored.sizeBytes;
    this.swarmId = swarmIdOf(stored.blobId);
    const refusals = new Refusals();
    // An image may name digests that no bytes have: until it is known who lied the other blobs do not hear of it.
    const suspects = new Bans((offence, peer) => {
      counts.banned(offence);
      this.#fetches.dismiss(peer);
    });
    this.wires = new SwarmWires({
      ...{ directory, bans, suspects, credits, refusals, counts, nowMs, random: Math.random },
      open: (host, onConnected) => input.open(this, host, onConnected),
      onJoined: (peer) => this.#fetches.joined(peer),
      onLost: (peer) => this.#fetches.lost(peer),
    });
    const { blobId, sizeBytes, wires } = this;
    this.#fetches = new SwarmFetches({
      ...{ blobId, sizeBytes, wires, directory, bans, refusals, counts, limits, nowMs },
      onSize: (said) => this.#hearSize(said),
    });
    this.#disputes = new Disputes({
      ...{ stored, bans, suspects, credits, counts, nowMs },
      homes: (range) => this.#fetches.homes(range),
    });
    this.#server = new SwarmServer({
      ...{ sizeBytes, stored, originOf: input.originOf, counts, limits, nowMs },
      fetches: this.#fetches,
      isSeed: directory.self.role === 'seed',
      onLearnt: (repository) => this.#learn(repository),
      onHomeBytes: input.onHomeBytes,
      onNeighbours: (hosts) => input.onNeighbours(this, hosts),
      onHeld: (ranges) => this.#fetches.holdersChanged(ranges),
      onServed: (peer, bytes) => {
        this.wires.used(peer);
        input.onServed(bytes);
      },
    });
  }

  /** The one that this host has read from last: wires are dialled for it; undefined before. */
  get repository(): string | undefined {
    return this.#repository;
  }

  /** The place that the blob is from has said so, or its digest; others may name any size. */
  get isSizeConfirmed(): boolean {
    return this.#isSizeConfirmed || this.#input.stored.isComplete;
  }

  confirmSize(): void {
    this.#isSizeConfirmed = true;
  }

  /** Of the blob, that are not held here. */
  get bytesMissing(): number {
    return this.sizeBytes - this.#input.stored.held.bytes;
  }

  /** What a wire for that repository shares. */
  sharedWith(repository: string): SharedBlob {
    return this.#server.sharedWith(repository);
  }

  /**
   * Bytes that nobody has judged yet; `prove` goes before each read. The reader's verdict makes them held,
   * or bans who sent them.
   */
  async read(range: ByteRange, { repository, origin, options }: SwarmRead): Promise<Buffer> {
    const { stored } = this.#input;
    const own = await stored.read(range.start, rangeBytes(range));
    if (own !== undefined) {
      this.#input.onStoreRead(own.length, priorityOf(options));
      options.onVerdict?.((offset, length, verdict) => {
        if (verdict !== 'wrong') return;
        // Their disk is failing: they are fetched again.
        stored.refute(offset, length);
        this.#input.counts.wrong('store', length);
      });
      return own;
    }
    const judged = this.#disputes.openRead(range);
    try {
      const bytes = await this.#fetch(range, judged, { repository, origin, options });
      if (options.onVerdict === undefined) judged.close();
      else {
        judged.write();
        options.onVerdict(judged.judge);
      }
      return bytes;
    } catch (error) {
      judged.close();
      throw error;
    }
  }

  /** For a reader who cannot verify what he gets: see `TrustedReads`. `prove` goes before each read. */
  trustedReads({ origin, onFetched }: TrustedReader): TrustedReads {
    const { stored, credits, onStoreRead } = this.#input;
    return new TrustedReads({
      ...{ stored, wires: this.wires, fetches: this.#fetches, credits, origin, onStoreRead },
      onWrong: (piece) => this.#disputes.wrongPiece(piece),
      onFetched,
      nameOf: (peer) => this.#sourceName(peer),
    });
  }

  /** It has lied, of whatever blob. */
  dismiss(peer: PeerId): void {
    this.#fetches.dismiss(peer);
  }

  /** These are held from now on. */
  tellHeld(ranges: readonly ByteRange[]): void {
    this.#disputes.end(ranges);
    for (const wire of this.wires.all()) {
      if (this.#server.mayTell(wire)) wire.tellHeld(ranges);
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new PeerClosedError());
    this.#server.close();
    this.#fetches.close();
    await this.wires.close();
    await this.#input.stored.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * That the blob is in the repository: an image may name the digest of any blob, and what is held of
   * another repository's is not for its readers. A byte of the origin is proof.
   */
  async prove({ repository, origin, options: { signal } }: SwarmRead): Promise<void> {
    this.#repository = repository;
    if (this.#server.knows(repository)) return;
    const proof = this.#proofs.get(origin) ?? this.#startProof(repository, origin);
    await orAbort(proof, signal);
  }

  #startProof(repository: string, origin: BlobSource): Promise<void> {
    const options = { signal: this.#closing.signal, priority: 'demand' } as const;
    const proof = readHearingSize(origin, this, FIRST_BYTE, options)
      .then(({ said }) => this.#hearSize(said))
      .then(() => this.#learn(repository))
      .finally(() => this.#proofs.delete(origin));
    // Whoever waits for it hears of a failure, if anybody still does.
    proof.catch(() => undefined);
    this.#proofs.set(origin, proof);
    return proof;
  }

  /** Throws `ERR_P2P_STORED_BLOB_SIZE` where an origin says another one. */
  #hearSize(said: number | undefined): void {
    if (said === undefined) return;
    const { blobId, sizeBytes } = this;
    if (said !== sizeBytes) {
      throw new StoredBlobSizeError(blobId, sizeBytes, `where it is from it has ${said}`);
    }
    this.confirmSize();
  }

  /** Peers that came for that repository before have not been told yet what is held. */
  #learn(repository: string): void {
    if (this.#server.knows(repository)) return;
    this.#server.learn(repository);
    this.#input.onLearnt(this, repository);
    const held = [...this.#input.stored.held];
    if (held.length === 0) return;
    for (const wire of this.wires.all()) {
      if (wire.facts.repository === repository) wire.tellHeld(held);
    }
  }

  #fetch(range: ByteRange, judged: JudgedRead, { origin, options }: SwarmRead): Promise<Buffer> {
    const { signal = NEVER_ABORTED, onFetched, onBytes, frontBytes } = options;
    return this.#fetches.fetch(range, {
      mode: this.#disputes.mode(range),
      credit: judged.credit,
      ...{ origin, signal, onFetched, frontBytes },
      ...(onBytes === undefined ? {} : { onOriginBytes: onBytes }),
      priority: () => priorityOf(options),
      onBytes: (sender, part, bytes) => {
        if (sender !== 'origin') onFetched?.(this.#sourceName(sender), bytes.length);
        onBytes?.(part.start, bytes);
        return judged.add(sender, part, bytes);
      },
    });
  }

  #sourceName(peer: PeerId): string {
    return `peer-${this.wires.distanceOf(peer)}`;
  }
}

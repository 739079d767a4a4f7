/**
 * One blob among hosts: reads it for this host from whoever has it, and answers others out of what
 * is held. As a home of an extent it fetches from the origin what nobody has, once for all of them.
 */
import type { BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { priorityOf } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { type SwarmId, swarmIdOf } from '../identity/swarm-id.ts';
import type { HostDirectory } from '../peer/host-directory.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { Bans } from '../select/bans.ts';
import { distanceBetween } from '../select/candidate.ts';
import type { UploadSlots } from '../select/upload-slots.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { BlobWire, SharedBlob } from '../wire/blob-wire.ts';
import { blame } from './blame.ts';
import { JudgedRead } from './judged-read.ts';
import { SwarmFetches } from './swarm-fetches.ts';
import { SwarmServer } from './swarm-server.ts';
import { SwarmWires } from './swarm-wires.ts';
import { TrustedReads } from './trusted-reads.ts';

export type SwarmInput = {
  readonly stored: StoredBlob;
  readonly directory: HostDirectory;
  readonly bans: Bans;
  readonly slots: UploadSlots;
  /** Dials a host for this blob, which it will read as one of the swarm's repository. */
  readonly open: (swarm: Swarm, host: HostFacts, onConnected: () => void) => Promise<BlobWire>;
  /** This host's own way to the origin of a repository; undefined where it has none. */
  readonly originOf: (repository: string) => BlobSource | undefined;
  /** Bytes were held here already. */
  readonly onStoreRead: (bytes: number) => void;
  /** Bytes went out to peers. */
  readonly onServed: (bytes: number) => void;
  readonly nowMs: () => number;
};

export type SwarmRead = {
  /** `registry/repository` that the reader reads from. */
  readonly repository: string;
  /** The reader's own way to the origin. */
  readonly origin: BlobSource;
  readonly options: BlobReadOptions;
};

export type TrustedReader = Pick<SwarmRead, 'repository' | 'origin'> & {
  readonly onFetched: (sourceName: string, bytes: number) => void;
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
  /** Somebody sent wrong bytes of these: they come from the origin until they are held. */
  readonly #disputed = new RangeSet();
  #repository: string | undefined;

  constructor(input: SwarmInput) {
    const { stored, bans, directory, nowMs } = input;
    this.#input = input;
    this.blobId = stored.blobId;
    this.sizeBytes = stored.sizeBytes;
    this.swarmId = swarmIdOf(stored.blobId);
    this.wires = new SwarmWires({
      ...{ directory, bans, nowMs },
      open: (host, onConnected) => input.open(this, host, onConnected),
      onJoined: (peer) => this.#fetches.joined(peer),
      onLost: (peer) => this.#fetches.lost(peer),
    });
    const { blobId, sizeBytes, wires } = this;
    this.#fetches = new SwarmFetches({ blobId, sizeBytes, wires, directory, bans, nowMs });
    this.#server = new SwarmServer({
      ...{ sizeBytes, stored, slots: input.slots, originOf: input.originOf },
      fetches: this.#fetches,
      isSeed: directory.self.role === 'seed',
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

  /** Of the blob, that are not held here. */
  get bytesMissing(): number {
    return this.sizeBytes - this.#input.stored.held.bytes;
  }

  /** What a wire for that repository shares. */
  sharedWith(repository: string): SharedBlob {
    return this.#server.sharedWith(repository);
  }

  /** Bytes that nobody has judged yet: the reader's verdict makes them held, or bans who sent them. */
  async read(range: ByteRange, { repository, origin, options }: SwarmRead): Promise<Buffer> {
    const { stored } = this.#input;
    this.#repository = repository;
    this.#server.learn(repository);
    const own = await stored.read(range.start, rangeBytes(range));
    if (own !== undefined) {
      this.#input.onStoreRead(own.length);
      options.onVerdict?.((offset, length, verdict) => {
        // Their disk is failing: they are fetched again.
        if (verdict === 'wrong') stored.refute(offset, length);
      });
      return own;
    }
    const judged = this.#judgedRead(range);
    try {
      const bytes = await this.#fetch(range, judged, { repository, origin, options });
      if (options.onVerdict === undefined) judged.close();
      else options.onVerdict(judged.judge);
      return bytes;
    } catch (error) {
      judged.close();
      throw error;
    }
  }

  /** For a reader who cannot verify what he gets: see `TrustedReads`. */
  trustedReads({ repository, origin, onFetched }: TrustedReader): TrustedReads {
    const { stored, bans, nowMs, onStoreRead } = this.#input;
    this.#repository = repository;
    this.#server.learn(repository);
    return new TrustedReads({
      ...{ stored, wires: this.wires, fetches: this.#fetches, origin, onStoreRead },
      onWrong: (piece, senders) => blame(bans, senders, this.#fetches.homes(piece), nowMs()),
      onFetched,
      nameOf: (peer) => this.#sourceName(peer),
    });
  }

  /** These are held from now on. */
  tellHeld(ranges: readonly ByteRange[]): void {
    for (const range of ranges) this.#disputed.remove(range);
    for (const wire of this.wires.all()) {
      if (this.#server.mayTell(wire)) wire.tellHeld(ranges);
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.wires.close();
    await this.#input.stored.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #fetch(range: ByteRange, judged: JudgedRead, { origin, options }: SwarmRead): Promise<Buffer> {
    const { signal = NEVER_ABORTED, onFetched } = options;
    return this.#fetches.fetch(range, {
      mode: this.#disputed.intersect(range).length > 0 ? 'alone' : 'reader',
      ...{ origin, signal, onFetched },
      priority: () => priorityOf(options),
      onBytes: (sender, part, bytes) => {
        judged.add(sender, part, bytes);
        if (sender !== 'origin') onFetched?.(this.#sourceName(sender), bytes.length);
      },
    });
  }

  #judgedRead(range: ByteRange): JudgedRead {
    const { stored, bans, nowMs } = this.#input;
    return new JudgedRead({
      range,
      deposit: stored.deposit(),
      onWrong: (wrong, senders) => {
        this.#disputed.add(wrong);
        blame(bans, senders, this.#fetches.homes(wrong), nowMs());
      },
    });
  }

  #sourceName(peer: PeerId): string {
    const { directory } = this.#input;
    const facts = directory.facts(peer);
    if (facts === undefined) return 'peer-other';
    return `peer-${distanceBetween(directory.self, facts)}`;
  }
}

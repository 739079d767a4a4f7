/**
 * Blobs of one repository as a BlobSource: from this host's store, its peers, or the reader's own way
 * to the origin. Where there can be no peers (no token, no size, no store) the origin answers alone.
 */
import {
  type BlobKey,
  type BlobReadOptions,
  type BlobSource,
  type Priority,
  priorityOf,
} from '@shoal/blob-store';
import { errorCode } from '@shoal/errors';
import { LRUCache } from 'lru-cache';
import type { ByteRange } from '../ranges/byte-range.ts';
import { hasSize } from '../swarm/said-size.ts';
import type { Swarm } from '../swarm/swarm.ts';
import type { SwarmTable } from '../swarm/swarm-table.ts';
import type { TrustedReads } from '../swarm/trusted-reads.ts';
import { TRUSTED_BLOBS_MAX } from './limits.ts';
import type { PeerTraffic, ReadSource } from './peer-traffic.ts';

/** Whether the reader compares what he gets with digests of his own, chunk by chunk. */
export type ReaderKind = 'verifying' | 'believing';

export type PeerSourceInput = {
  readonly reader: ReaderKind;
  readonly origin: BlobSource;
  /** `registry/repository`. */
  readonly repository: string;
  readonly swarms: SwarmTable;
  readonly traffic: PeerTraffic;
  /** This host reads it. */
  readonly onRead: (swarm: Swarm) => void;
  /** Whether peers would talk to this host now. */
  readonly hasToken: () => boolean;
};

/** Of a blob that cannot be shared: the reader gets it all the same. */
const UNSHARED: readonly (string | undefined)[] = [
  'ERR_P2P_STORED_BLOB_SIZE',
  'ERR_P2P_STORE_UNUSABLE',
  'ERR_P2P_PEER_CLOSED',
];

const SOURCES: Readonly<Record<string, ReadSource>> = {
  'peer-rack': 'rack',
  'peer-zone': 'zone',
  'peer-other': 'other',
};

export function peerSource(input: PeerSourceInput): BlobSource {
  const { origin, repository, swarms, traffic } = input;
  const trusted = new TrustedShelf(input);
  return {
    name: origin.name,
    async read(blob: BlobKey, offset: number, length: number, options: BlobReadOptions = {}) {
      const counted = countedOptions(options, traffic);
      const { blobId, sizeBytes } = blob;
      const alone = () => origin.read(blob, offset, length, counted);
      if (sizeBytes === undefined || length === 0 || !input.hasToken()) return await alone();
      const range = { start: offset, end: offset + length };
      const read = { repository, origin, options: counted };
      try {
        const { signal } = counted;
        const wanted = { blobId, sizeBytes };
        const confirm = () => hasSize(origin, wanted, signal);
        return await swarms.use({ ...wanted, confirm }, async (swarm) => {
          // Neighbours are looked for meanwhile.
          await Promise.all([swarm.prove(read), input.onRead(swarm)]);
          if (input.reader === 'verifying') return await swarm.read(range, read);
          return await trusted.read(swarm, range, options);
        });
      } catch (error) {
        if (UNSHARED.includes(errorCode(error))) return await alone();
        throw error;
      }
    },
    close: () => origin.close(),
  };
}

/** The reads of one reader, by swarm: several of one blob share what they read. */
class TrustedShelf {
  readonly #input: PeerSourceInput;
  readonly #open = new LRUCache<Swarm, TrustedReads>({ max: TRUSTED_BLOBS_MAX });

  constructor(input: PeerSourceInput) {
    this.#input = input;
  }

  async read(swarm: Swarm, range: ByteRange, options: BlobReadOptions): Promise<Buffer> {
    const reads = this.#open.get(swarm) ?? this.#openReads(swarm);
    return await reads.read(range, options);
  }

  #openReads(swarm: Swarm): TrustedReads {
    const { origin, traffic } = this.#input;
    const onFetched = (name: string, bytes: number, priority: Priority) => {
      traffic.count(SOURCES[name] ?? 'origin', bytes, priority);
    };
    const reads = swarm.trustedReads({ origin, onFetched });
    this.#open.set(swarm, reads);
    return reads;
  }
}

function countedOptions(options: BlobReadOptions, traffic: PeerTraffic): BlobReadOptions {
  return {
    ...options,
    onFetched: (name, bytes) => {
      traffic.count(SOURCES[name] ?? 'origin', bytes, priorityOf(options));
      options.onFetched?.(name, bytes);
    },
  };
}

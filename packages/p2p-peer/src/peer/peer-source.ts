/**
 * Blobs of one repository as a BlobSource: from this host's store, its peers, or the reader's own way
 * to the origin. Where there can be no peers (no token, no size, no store) the origin answers alone.
 */
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { errorCode } from '@shoal/errors';
import type { Swarm } from '../swarm/swarm.ts';
import type { PeerTraffic, TrafficSource } from './peer-traffic.ts';
import type { SwarmTable } from './swarm-table.ts';

export type PeerSourceInput = {
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

const SOURCES: Readonly<Record<string, TrafficSource>> = {
  'peer-rack': 'rack',
  'peer-zone': 'zone',
  'peer-other': 'other',
};

export function peerSource(input: PeerSourceInput): BlobSource {
  const { origin, repository, swarms, traffic } = input;
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
        return await swarms.use({ blobId, sizeBytes }, (swarm) => {
          input.onRead(swarm);
          return swarm.read(range, read);
        });
      } catch (error) {
        if (UNSHARED.includes(errorCode(error))) return await alone();
        throw error;
      }
    },
    close: () => origin.close(),
  };
}

function countedOptions(options: BlobReadOptions, traffic: PeerTraffic): BlobReadOptions {
  return {
    ...options,
    onFetched: (name, bytes) => {
      traffic.count(SOURCES[name] ?? 'origin', bytes);
      options.onFetched?.(name, bytes);
    },
  };
}

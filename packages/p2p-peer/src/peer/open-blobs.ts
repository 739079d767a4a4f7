/**
 * The store and the swarms of a peer. Each needs the other: a swarm shares what the store holds, and tells
 * its hosts what has come there.
 */
import { RateLimit } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { HostDirectory } from '../hosts/host-directory.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { Bans, type Offence } from '../select/bans.ts';
import { PeerCredits } from '../select/credits.ts';
import { DownloadWindow } from '../select/download-window.ts';
import { Uploads } from '../select/uploads.ts';
import { CompressedStore } from '../store/compressed-store.ts';
import { HomeGate } from '../swarm/home-gate.ts';
import type { HostLimits } from '../swarm/host-limits.ts';
import { Swarm, type SwarmInput } from '../swarm/swarm.ts';
import { SwarmTable } from '../swarm/swarm-table.ts';
import { UploadPace } from '../swarm/upload-pace.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { WireDialError } from '../wire/errors.ts';
import { openWire } from '../wire/handshakes/open-wire.ts';
import type { WireLog } from '../wire/wire-log.ts';
import type { PeerParts } from './peer.ts';
import type { PeerComponents, PeerOptions } from './peer-options.ts';
import type { PeerTraffic } from './peer-traffic.ts';
import type { PeerTrust } from './peer-trust.ts';

export type BlobsNeed = {
  readonly trust: PeerTrust;
  readonly directory: HostDirectory;
  readonly traffic: PeerTraffic;
  readonly counts: PeerCounts;
  readonly onClosed: (swarm: Swarm) => void;
  readonly onNeighbours: (swarm: Swarm, hosts: readonly HostFacts[]) => void;
  readonly onLearnt: (swarm: Swarm, repository: string) => void;
  /** It has sent wrong bytes. */
  readonly onLiar: (peer: PeerId) => void;
  readonly onHeld: (blobId: BlobId, ranges: readonly ByteRange[]) => void;
  readonly nowMs: () => number;
};

/** Throws what the store is wrong with. */
export async function openBlobs(
  options: PeerOptions,
  components: PeerComponents,
  need: BlobsNeed,
): Promise<Pick<PeerParts, 'store' | 'swarms' | 'uploads'>> {
  const { directory, counts, onClosed, nowMs } = need;
  const limits = openLimits(options, nowMs);
  const credits = new PeerCredits();
  const onBan = (offence: Offence, peer: PeerId) => {
    counts.banned(offence);
    if (offence !== 'lied') return;
    credits.forget(peer);
    for (const swarm of swarms.all()) swarm.dismiss(peer);
    need.onLiar(peer);
  };
  const shared = { directory, bans: new Bans(onBan), credits, counts, limits, nowMs };
  const surroundings = surroundingsOf(components, need);
  const swarms = new SwarmTable({
    ...{ nowMs, onClosed },
    storedSize: (blobId) => store.facts(blobId)?.sizeBytes,
    open: async (blobId, sizeBytes) =>
      new Swarm({ ...shared, ...surroundings, stored: await store.blob(blobId, sizeBytes) }),
  });
  const store = await openStore(options, components, (blobId, ranges) => {
    swarms.get(blobId)?.tellHeld(ranges);
    need.onHeld(blobId, ranges);
  });
  return { store, swarms, uploads: limits.uploads };
}

function openLimits(options: PeerOptions, nowMs: () => number): HostLimits {
  const { uploadBytesPerSecond = Number.POSITIVE_INFINITY, downloadBytesPerSecond } = options;
  const pace = new UploadPace({ bytesPerSecond: uploadBytesPerSecond, nowMs });
  return {
    ...{ downloadWindow: new DownloadWindow(), homeGate: new HomeGate() },
    uploads: new Uploads({ pace, nowMs }),
    downloadRate: new RateLimit({ bytesPerSecond: downloadBytesPerSecond }),
  };
}

type Surroundings = Pick<
  SwarmInput,
  'originOf' | 'open' | 'onStoreRead' | 'onServed' | 'onHomeBytes' | 'onNeighbours' | 'onLearnt'
>;

/** What every swarm reaches beyond its blob, and whom it tells. */
function surroundingsOf(
  { originOf, wireLog: log }: PeerComponents,
  { trust, directory, traffic, counts, onNeighbours, onLearnt }: BlobsNeed,
): Surroundings {
  return {
    ...{ originOf, onNeighbours, onLearnt },
    open: (swarm, host, onConnected) =>
      dial(swarm, host, { self: directory.self, trust, log, onConnected }),
    onStoreRead: (bytes, priority) => traffic.count('store', bytes, priority),
    onServed: (bytes) => traffic.uploaded(bytes),
    onHomeBytes: (bytes, cause) => {
      counts.homeFetched(bytes);
      traffic.count('origin', bytes, cause);
    },
  };
}

async function openStore(
  { directory, bytesMax }: PeerOptions,
  { pool, otherBytes, isCompleteElsewhere, lender, onStoreEvent }: PeerComponents,
  onHeld: BlobsNeed['onHeld'],
): Promise<CompressedStore> {
  return await CompressedStore.open(
    { directory, bytesMax },
    {
      ...{ pool, lender, onHeld },
      ...(otherBytes === undefined ? {} : { otherBytes }),
      ...(isCompleteElsewhere === undefined ? {} : { isCompleteElsewhere }),
      ...(onStoreEvent === undefined ? {} : { onEvent: onStoreEvent }),
    },
  );
}

type DialNeed = {
  readonly self: HostFacts;
  readonly trust: PeerTrust;
  readonly log: WireLog | undefined;
  readonly onConnected: () => void;
};

async function dial(swarm: Swarm, host: HostFacts, need: DialNeed): Promise<BlobWire> {
  const { blobId, repository } = swarm;
  if (repository === undefined) throw new WireDialError(host.address, 'nobody here reads the blob');
  return await openWire({ ...need, host, blobId, repository, blob: swarm.sharedWith(repository) });
}

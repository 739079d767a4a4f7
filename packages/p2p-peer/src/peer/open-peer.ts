/** Opens the parts of a peer one after the other; what was opened is closed when a later one fails. */
import { RateLimit } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import { HostDirectory } from '../hosts/host-directory.ts';
import { ListedHosts } from '../hosts/listed-hosts.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import { PeerCounts } from '../peer-counts.ts';
import { PlainSide, type PlainSideInput } from '../plain/plain-side.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { Bans, type Offence } from '../select/bans.ts';
import { PeerCredits } from '../select/credits.ts';
import { DownloadWindow } from '../select/download-window.ts';
import { UploadSlots } from '../select/upload-slots.ts';
import { CompressedStore } from '../store/compressed-store.ts';
import { SharedImages } from '../store/shared-images.ts';
import { HomeGate } from '../swarm/home-gate.ts';
import { Swarm } from '../swarm/swarm.ts';
import { SwarmTable } from '../swarm/swarm-table.ts';
import { UploadPace } from '../swarm/upload-pace.ts';
import { ReportLoop } from '../tracker/client/report-loop.ts';
import type { TrackerClient } from '../tracker/client/tracker-client.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { WireDialError } from '../wire/errors.ts';
import { openWire } from '../wire/open-wire.ts';
import type { WireLog } from '../wire/wire-log.ts';
import { discover } from './discover-hosts.ts';
import { type HostReportInput, hostReport } from './host-report-of.ts';
import { listenForHosts } from './listen-for-hosts.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { openIdentity } from './open-identity.ts';
import { Peer, type PeerParts } from './peer.ts';
import type { PeerComponents, PeerOptions } from './peer-options.ts';
import { PeerTraffic } from './peer-traffic.ts';
import type { PeerTrust } from './peer-trust.ts';
import { Preheats } from './preheats.ts';

const nowMs = (): number => performance.now();

/** Listens when it resolves. Throws what identity, store or port are wrong with. */
export async function openPeer(options: PeerOptions, components: PeerComponents): Promise<Peer> {
  await using opened = new AsyncDisposableStack();
  const port = { value: options.port };
  const { trust, trackers, self } = await openIdentity(options, components, opened, port);
  const directory = new HostDirectory({ self, seeds: options.seeds, nowMs });
  const traffic = new PeerTraffic(nowMs);
  const counts = new PeerCounts(components.onBlock);
  let neighbourhood: Neighbourhood | undefined;
  let plain: PlainSide | undefined;
  const onClosed = (swarm: Swarm) => neighbourhood?.leave(swarm);
  const onHeld = (blobId: BlobId, ranges: readonly ByteRange[]) => plain?.tellHeld(blobId, ranges);
  const need: BlobsNeed = {
    ...{ trust, directory, traffic, counts, onClosed, onHeld },
    onNeighbours: (swarm, hosts) => neighbourhood?.introduce(swarm, hosts),
    onLearnt: (swarm, repository) => plain?.learn(swarm, repository),
  };
  const { store, swarms, uploads } = await openBlobs(options, components, need);
  opened.use(store);
  opened.use(swarms);
  const listener = opened.use(
    await listenForHosts(options, components, { trust, self, swarms, store, counts }),
  );
  port.value = listener.port;
  opened.defer(trust.files.onChange(() => listener.reloadIdentity()));
  neighbourhood = opened.use(
    new Neighbourhood({ directory, trackers, nowMs, random: Math.random, port: () => port.value }),
  );
  const images = new SharedImages();
  plain = await openPlain(options, components, { images, store, swarms, trackers });
  if (plain !== undefined) opened.use(plain);
  const preheats = opened.use(new Preheats(components.warm));
  const listed = new ListedHosts(directory);
  if (options.trackers.length > 0) {
    const { version } = options;
    const offered = () => plain?.status().blobs ?? [];
    const told = { version, images, offered, missMs: components.missMs };
    opened.use(reportTo(trackers, { listed, self, swarms, traffic, preheats, ...told }));
  }
  if (options.discovery !== undefined) {
    opened.use(discover(options.discovery, { trust, self, listed, ...components }));
  }
  const owned = opened.move();
  const own = {
    trust,
    directory,
    store,
    swarms,
    uploads,
    listener,
    traffic,
    counts,
    neighbourhood,
  };
  return new Peer({ ...own, images, plain, owned });
}

/** Undefined where nobody wants it. */
async function openPlain(
  { plain }: PeerOptions,
  { publicOrigin, pool, onProblem = () => undefined, wireLog }: PeerComponents,
  need: Pick<PlainSideInput, 'images' | 'store' | 'swarms' | 'trackers'>,
): Promise<PlainSide | undefined> {
  if (plain === undefined || publicOrigin === undefined) return undefined;
  return await PlainSide.open(plain, {
    ...{ ...need, origin: publicOrigin, pool, onProblem, log: wireLog, nowMs },
  });
}

async function openBlobs(
  {
    directory: path,
    bytesMax,
    uploadBytesPerSecond = Number.POSITIVE_INFINITY,
    downloadBytesPerSecond,
  }: PeerOptions,
  components: PeerComponents,
  { trust, directory, traffic, counts, onClosed, onNeighbours, onLearnt, onHeld }: BlobsNeed,
): Promise<Pick<PeerParts, 'store' | 'swarms' | 'uploads'>> {
  const { pool, otherBytes, isCompleteElsewhere, lender, onStoreEvent, originOf, wireLog } =
    components;
  const limits = {
    ...{ slots: new UploadSlots(), window: new DownloadWindow(), homeGate: new HomeGate() },
    upload: new UploadPace({ bytesPerSecond: uploadBytesPerSecond, nowMs }),
    download: new RateLimit({ bytesPerSecond: downloadBytesPerSecond }),
  };
  const credits = new PeerCredits();
  const onBan = (offence: Offence, peer: PeerId) => {
    counts.banned(offence);
    if (offence !== 'lied' && offence !== 'suspect') return;
    credits.forget(peer);
    for (const swarm of swarms.all()) swarm.dismiss(peer);
  };
  const shared = { directory, bans: new Bans(onBan), credits, counts, limits, nowMs };
  const swarms = new SwarmTable({
    nowMs,
    onClosed,
    storedSize: (blobId) => store.facts(blobId)?.sizeBytes,
    open: async (blobId, sizeBytes) =>
      new Swarm({
        ...{ ...shared, originOf, stored: await store.blob(blobId, sizeBytes) },
        open: (swarm, host, onConnected) =>
          dial(swarm, host, { self: directory.self, trust, log: wireLog, onConnected }),
        onStoreRead: (bytes, priority) => traffic.count('store', bytes, priority),
        onServed: (bytes) => traffic.uploaded(bytes),
        onHomeBytes: (bytes, cause) => {
          counts.homeFetched(bytes);
          traffic.count('origin', bytes, cause);
        },
        ...{ onNeighbours, onLearnt },
      }),
  });
  const store = await CompressedStore.open(
    { directory: path, bytesMax },
    {
      ...{ pool, lender },
      ...(otherBytes === undefined ? {} : { otherBytes }),
      ...(isCompleteElsewhere === undefined ? {} : { isCompleteElsewhere }),
      ...(onStoreEvent === undefined ? {} : { onEvent: onStoreEvent }),
      onHeld: (blobId, ranges) => {
        swarms.get(blobId)?.tellHeld(ranges);
        onHeld(blobId, ranges);
      },
    },
  );
  return { store, swarms, uploads: { slots: limits.slots, pace: limits.upload } };
}

type BlobsNeed = {
  readonly trust: PeerTrust;
  readonly directory: HostDirectory;
  readonly traffic: PeerTraffic;
  readonly counts: PeerCounts;
  readonly onClosed: (swarm: Swarm) => void;
  readonly onNeighbours: (swarm: Swarm, hosts: readonly HostFacts[]) => void;
  readonly onLearnt: (swarm: Swarm, repository: string) => void;
  readonly onHeld: (blobId: BlobId, ranges: readonly ByteRange[]) => void;
};

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

/** And hears who else lives. */
function reportTo(
  client: TrackerClient,
  { listed, ...need }: HostReportInput & { readonly listed: ListedHosts },
): ReportLoop {
  return new ReportLoop({
    client,
    report: () => hostReport(need),
    onAnswers: (answers) => {
      listed.tracked(client.hosts());
      need.preheats.hear(answers);
    },
  });
}

/** Opens the parts of a peer one after the other; what was opened is closed when a later one fails. */
import type { BlobId } from '@shoal/oci';
import { HostDirectory } from '../hosts/host-directory.ts';
import { ListedHosts } from '../hosts/listed-hosts.ts';
import { PeerCounts } from '../peer-counts.ts';
import { PlainSide, type PlainSideInput } from '../plain/plain-side.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { SharedImages } from '../store/shared-images.ts';
import type { Swarm } from '../swarm/swarm.ts';
import { ReportLoop } from '../tracker/client/report-loop.ts';
import type { TrackerClient } from '../tracker/client/tracker-client.ts';
import { discoverHosts } from './discover-hosts.ts';
import { type HostReportInput, hostReportOf } from './host-report-of.ts';
import { listenForHosts } from './listen-for-hosts.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { type BlobsNeed, openBlobs } from './open-blobs.ts';
import { openIdentity } from './open-identity.ts';
import { Peer } from './peer.ts';
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
    ...{ trust, directory, traffic, counts, onClosed, onHeld, nowMs },
    onNeighbours: (swarm, hosts) => neighbourhood?.introduce(swarm, hosts),
    onLearnt: (swarm, repository) => plain?.learn(swarm, repository),
    onLiar: (peer) => plain?.banLiar(peer),
  };
  const { store, swarms, uploads } = await openBlobs(options, components, need);
  opened.use(store);
  opened.use(swarms);
  const listener = opened.use(
    await listenForHosts(options, components, { trust, self, swarms, store, counts, nowMs }),
  );
  port.value = listener.port;
  opened.defer(trust.files.onChange(() => listener.reloadIdentity()));
  neighbourhood = opened.use(
    new Neighbourhood({ directory, trackers, nowMs, random: Math.random, port: () => port.value }),
  );
  const images = new SharedImages();
  plain = await openPlain(options, components, { images, store, swarms, trackers });
  if (plain !== undefined) opened.use(plain);
  const offered = () => plain?.status().blobs ?? [];
  const hearing = { trust, self, directory, trackers, swarms, traffic, images, offered };
  hearOfHosts(options, components, opened, hearing);
  const owned = opened.move();
  const own = { trust, directory, store, swarms, uploads, traffic, counts };
  return new Peer({ ...own, listener, neighbourhood, images, plain, owned });
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

type HearingNeed = Omit<HostReportInput, 'version' | 'missMs' | 'preheats'> & {
  readonly trust: PeerTrust;
  readonly directory: HostDirectory;
  readonly trackers: TrackerClient;
};

/** By trackers, which hear of this one, and by the names of services: as the options want it. */
function hearOfHosts(
  options: PeerOptions,
  components: PeerComponents,
  opened: AsyncDisposableStack,
  { trust, directory, trackers, ...told }: HearingNeed,
): void {
  const preheats = opened.use(new Preheats(components.warm));
  const listed = new ListedHosts(directory);
  if (options.trackers.length > 0) {
    const { version } = options;
    const { missMs } = components;
    opened.use(reportTo(trackers, { listed, version, missMs, preheats, ...told }));
  }
  if (options.discovery !== undefined) {
    const { self } = told;
    opened.use(discoverHosts(options.discovery, { trust, self, listed, ...components }));
  }
}

/** And hears who else lives. */
function reportTo(
  client: TrackerClient,
  { listed, ...need }: HostReportInput & { readonly listed: ListedHosts },
): ReportLoop {
  return new ReportLoop({
    client,
    report: () => hostReportOf(need),
    onAnswers: (answers) => {
      listed.tracked(client.hosts());
      need.preheats.hear(answers);
    },
  });
}

/**
 * This host among its peers: what images fetch comes through them, and as a home the daemon fetches for
 * others with its own credentials. All of it is loaded only where the configuration asks for it.
 */
import { join } from 'node:path';
import type { BlobSource } from '@shoal/blob-store';
import { CodecPool } from '@shoal/blob-store';
import { VERSION } from '@shoal/errors/version';
import { parseHostPort } from '@shoal/oci/host-port';
import type {
  Lender,
  Peer,
  PeerComponents,
  PeerOptions,
  PlainOptions,
  TimedBlock,
} from '@shoal/p2p-peer';
import { errorFields, ImageAccess, type ImageAccessOptions } from '@shoal/snapshotter';
import type { PeerConfig } from '../config/peer-config.ts';
import { PEER_CODEC_IDLE_MS } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { anonymousOptionsOf } from '../registry-access.ts';
import { AnonymousOrigin } from './anonymous-origin.ts';
import { type HostPlace, hostPlace } from './host-place.ts';
import { OriginSources } from './origin-sources.ts';
import { PeerProblems } from './peer-problems.ts';
import { SharedBlobs } from './shared-blobs.ts';
import { warmImage } from './warm-image.ts';

export type HostPeerInput = {
  readonly config: PeerConfig;
  /** Of the daemon's state. */
  readonly root: string;
  /** How the daemon itself reaches registries. */
  readonly registries: ImageAccessOptions;
  /** How long reads of absent bytes waited lately. */
  readonly missMs?: () => { readonly p50: number; readonly p99: number } | undefined;
  /** A block has come from another host. */
  readonly onBlock: (block: TimedBlock) => void;
  /** What the mount caches take on the disk. */
  readonly cacheBytes: () => number;
  /** They have every chunk of the blob: its stored bytes go first when there is no room. */
  readonly isCached: (blobId: string) => boolean;
  /** They have bytes just as they are stored: these are not kept twice. */
  readonly lender?: Lender;
  /** Shapes what is fetched from registries. */
  readonly shape: (source: BlobSource) => BlobSource;
  readonly log: Log;
};

/** Closes what it opened for the peer, too. */
export type HostPeer = Pick<Peer, 'source' | 'learn' | 'status' | 'port' | 'drain' | 'close'> & {
  /** Whole blobs for who compares their digests himself. */
  readonly blobs: SharedBlobs;
};

/** Listens when it resolves. */
export async function openHostPeer(input: HostPeerInput): Promise<HostPeer> {
  const { config, shape, log, registries } = input;
  const [{ openPeer }, place] = await Promise.all([
    import('@shoal/p2p-peer'),
    hostPlace(config, log),
  ]);
  const { caFile } = registries;
  const problems = new PeerProblems(log);
  await using opened = new AsyncDisposableStack();
  const anonymous = adopt(opened, new ImageAccess(anonymousOptionsOf(registries)));
  const access = adopt(opened, new ImageAccess(registries));
  const wireLog = await openWireLog(config, log);
  if (wireLog !== undefined) adopt(opened, wireLog);
  // A thread of its own: a blob of gigabytes that is hashed keeps no reader waiting.
  const pool = adopt(opened, new CodecPool({ threads: 1, idleMs: PEER_CODEC_IDLE_MS }));
  const origins = adopt(
    opened,
    new OriginSources({
      ...{ access, shape, rules: config.origins, caFile },
      onFailed: (repository, error) => problems.homeFailed(repository, error),
    }),
  );
  const peer: Peer = await openPeer(peerOptions(input, place), {
    ...componentsOf(input),
    onProblem: (error) => problems.tell(error),
    ...{ pool, wireLog, publicOrigin: new AnonymousOrigin(anonymous) },
    originOf: (repository, isRead) => origins.of(repository, isRead),
    warm: (order, call) => warmImage(order, call, { access, peer, shape }),
  });
  adopt(opened, peer);
  const blobs = adopt(opened, new SharedBlobs({ access, shape, peer, caFile }));
  const owned = opened.move();
  return {
    port: peer.port,
    blobs,
    source: (origin, repository, reader) => peer.source(origin, repository, reader),
    learn: (image) => peer.learn(image),
    status: () => peer.status(),
    drain: (timeoutMs) => peer.drain(timeoutMs),
    close: () => owned.disposeAsync(),
  };
}

function adopt<Part extends { close(): Promise<void> }>(
  opened: AsyncDisposableStack,
  part: Part,
): Part {
  return opened.adopt(part, () => part.close());
}

function peerOptions({ config, root }: HostPeerInput, place: HostPlace): PeerOptions {
  const listen = parseHostPort(config.listen);
  return {
    identityDirectory: config.identityDirectory,
    ...{ listenHost: listen.host, port: listen.port },
    advertise: parseHostPort(config.advertise ?? config.listen),
    ...place,
    ...{ trackers: config.trackers, seeds: config.seeds },
    ...{ discovery: config.discovery, tokenKeysFile: config.tokenKeysFile },
    directory: config.directory ?? join(root, 'peer'),
    bytesMax: config.bytesMax,
    uploadBytesPerSecond: config.uploadBytesPerSecond,
    downloadBytesPerSecond: config.downloadBytesPerSecond,
    version: VERSION,
    plain: plainOptions(config),
  };
}

/** What the rest of the daemon gives. */
function componentsOf({ cacheBytes, isCached, lender, missMs, onBlock, log }: HostPeerInput) {
  return {
    otherBytes: cacheBytes,
    isCompleteElsewhere: isCached,
    ...(lender === undefined ? {} : { lender }),
    ...(missMs === undefined ? {} : { missMs }),
    onBlock,
    onStoreEvent: ({ kind, message, error }) => {
      const level = kind === 'evicted' || kind === 'disk-writable' ? 'info' : 'warn';
      log[level]({ event: `peer-store-${kind}`, ...fieldsOf(error) }, message);
    },
  } satisfies Partial<PeerComponents>;
}

async function openWireLog({ wireLogFile }: PeerConfig, log: Log) {
  if (wireLogFile === undefined) return undefined;
  const { JsonLinesWireLog } = await import('@shoal/p2p-peer');
  return new JsonLinesWireLog(wireLogFile, {
    onFailed: (error) => {
      log.warn(
        { event: 'peer-wire-log-failed', file: wireLogFile, ...fieldsOf(error) },
        'the wire log cannot be written',
      );
    },
  });
}

function plainOptions({ plain }: PeerConfig): PlainOptions | undefined {
  if (plain === undefined) return undefined;
  const { host, port } = parseHostPort(plain.listen);
  const { bytesPerSecond, isFetching } = plain;
  return { listenHost: host, port, bytesPerSecond, isFetching };
}

function fieldsOf(error: unknown) {
  return error === undefined ? {} : errorFields(error);
}

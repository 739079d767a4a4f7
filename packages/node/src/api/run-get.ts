/** Carries out one get for the API: with the daemon's own credentials, through its peers. */
import {
  type BlobSource,
  type CodecPool,
  type RateLimit,
  registryBlobSource,
} from '@shoal/blob-store';
import {
  type DownloadedFile,
  type GetAccess,
  type GetFilesOptions,
  getBelow,
  HeldDirectory,
  type OpenedGet,
  openGet,
} from '@shoal/downloads';
import { formatReference, formatRepository } from '@shoal/oci';
import { openWebFile } from '@shoal/registry-client';
import type { ImageAccess } from '@shoal/snapshotter';
import type { HostPeer } from '../peers/open-host-peer.ts';
import { urlName } from '../peers/url-name.ts';
import type { GetOrder } from './get-order.ts';

export type GetComponents = {
  readonly access: ImageAccess;
  readonly peer: HostPeer | undefined;
  readonly limit: RateLimit | undefined;
  readonly codecs: CodecPool;
  /** Of authorities that web servers may have, beside the system's. */
  readonly caFile: string | undefined;
  readonly directory: string;
};

export type RunGetOptions = GetFilesOptions & {
  /** Bytes of all files, as far as their sizes are known. */
  readonly onSize: (bytes: number) => void;
};

/** Throws what is wrong with it, its place, or where it comes from. */
export async function runGet(
  order: GetOrder,
  components: GetComponents,
  options: RunGetOptions,
): Promise<readonly DownloadedFile[]> {
  const { signal } = options;
  await using base = await HeldDirectory.open(components.directory);
  const opened = await openGet({ ...order.request, signal }, accessOf(components));
  try {
    options.onSize(opened.files.reduce((sum, { source }) => sum + (source.size ?? 0), 0));
    return await getBelow(placed(opened, order.target), base, {
      ...options,
      replaces: order.replaces,
      // The one thread of the daemon has mounts to serve.
      openHash: (algorithm) => components.codecs.openHash(algorithm),
    });
  } finally {
    await opened.close();
  }
}

/** A single file has the target's name, those of an artifact theirs below it. */
function placed({ files, isTree }: OpenedGet, target: readonly string[]): Pick<OpenedGet, 'files'> {
  const path = target.join('/');
  return {
    files: files.map(({ name = '', source }) => ({
      name: isTree ? `${path}/${name}` : path,
      source,
    })),
  };
}

function accessOf({ access, peer, limit, caFile }: GetComponents): GetAccess {
  const limited = (source: BlobSource) => limit?.over(source);
  return {
    openStore: (reference) =>
      access.open({
        reference: formatReference(reference),
        source: {},
        missPolicy: { kind: 'wait' },
      }),
    share: (reference, store) => {
      if (reference.kind !== 'registry') return undefined;
      if (peer !== undefined) {
        return peer.blobs.source({ from: formatRepository(reference) }, 'wait');
      }
      return limited(registryBlobSource(store, { closesStore: false }));
    },
    web: {
      open: (url, signal) =>
        openWebFile(url, { caFile, ...(signal === undefined ? {} : { signal }) }),
      share: (url, origin) =>
        peer === undefined || urlName(url) === undefined
          ? limited(origin)
          : peer.blobs.source({ from: url.href }, 'wait'),
    },
  };
}

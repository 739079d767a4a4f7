/**
 * What anybody gets of registries: asked without credentials, of the registry itself and no mirror. It
 * says which blobs standard clients may have from this host.
 */

import type { SizedBlob } from '@shoal/blob-store';
import { errorCode } from '@shoal/errors';
import { type Descriptor, digestOfBlobId, MediaType } from '@shoal/oci';
import type { BlobPlace, ByteRange, PublicOrigin } from '@shoal/p2p-peer';
import { listTorrents, readTorrent, type TorrentFile } from '@shoal/p2p-peer/torrent';
import type { ImageAccess } from '@shoal/snapshotter';

/** Answers of a registry that has nothing for somebody without credentials. */
const REFUSALS: readonly (string | undefined)[] = [
  'ERR_REGISTRY_CLIENT_UNAUTHORIZED',
  'ERR_REGISTRY_CLIENT_DENIED',
  'ERR_REGISTRY_CLIENT_NOT_FOUND',
];

export class AnonymousOrigin implements PublicOrigin {
  readonly #access: ImageAccess;

  /** `access` has no credentials, and is the caller's to close. */
  constructor(access: ImageAccess) {
    this.#access = access;
  }

  async read(
    repository: string,
    blob: SizedBlob,
    ranges: readonly ByteRange[],
    signal: AbortSignal,
  ): Promise<readonly Buffer[] | undefined> {
    await using store = await this.#open(repository);
    const found: Buffer[] = [];
    try {
      for (const { start, end } of ranges) {
        found.push(await store.readBlobRange(descriptorOf(blob), start, end - start, { signal }));
      }
      return found;
    } catch (error) {
      if (REFUSALS.includes(errorCode(error))) return undefined;
      throw error;
    }
  }

  async torrent(
    { repository, manifestDigest: digest }: BlobPlace,
    blob: SizedBlob,
    signal: AbortSignal,
  ): Promise<TorrentFile | undefined> {
    if (digest === undefined) return undefined;
    await using store = await this.#open(`${repository}@${digest}`);
    const manifest = { mediaType: MediaType.ociManifest, digest, size: 0 };
    const listed = await listTorrents(store, manifest, signal);
    return await readTorrent(store, listed, descriptorOf(blob), signal);
  }

  #open(name: string) {
    const reference = `docker://${name}`;
    return this.#access.open({ reference, source: {}, missPolicy: { kind: 'fail' } });
  }
}

function descriptorOf({ blobId, sizeBytes }: SizedBlob): Descriptor {
  return { mediaType: MediaType.nydusBlob, digest: digestOfBlobId(blobId), size: sizeBytes };
}

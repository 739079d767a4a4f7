/**
 * Bootstraps on disk: fetched once, walked completely by our decoder before the kernel may see
 * them, then kept read-only under `<root>/images/<digest of the layer>/`. That a bootstrap was
 * walked is remembered by the digest of its layer, together with the digest of the file: one that was
 * changed on the disk since counts as absent, and is fetched and walked again.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBootstrapLayer } from '@shoal/blob-store';
import type { Descriptor, Digest } from '@shoal/oci';
import { digestHex, finishDigest, parseDigest } from '@shoal/oci';
import type { BootstrapLayer } from '@shoal/rafs';
import type { ImageStore } from '@shoal/registry-client';
import { orDiskFull } from '../state/disk-full.ts';
import {
  readIfThere,
  readSealed,
  removeUnfinished,
  seal,
  syncDirectory,
  writeDurably,
} from '../state/durable-file.ts';
import { makePrivateDirectory } from '../state/private-directory.ts';
import type { StateStore, VerifiedBootstrap } from '../state/state-store.ts';
import { walkBootstrap } from './bootstrap-walk.ts';

/** Raised when the walk checks more than before: what older versions found good is walked again. */
export const WALK_VERSION = 2;

const BOOTSTRAP_FILE = 'image.boot';
const OVERLAY_BOOTSTRAP_FILE = 'overlay.boot';
/** Digest of the uncompressed layer; a file of its own, which older versions do not miss. */
const DIFF_ID_FILE = 'layer.diffid';

export type StoredBootstrap = {
  /** The metadata file the kernel mounts. */
  readonly file: string;
  /** The same, or a copy without instructions to overlayfs: for mounts with an overlay on top. */
  readonly overlayFile: string;
  readonly verified: VerifiedBootstrap;
};

/** Metadata that is stored under the digest of its files, not of the layer they came in. */
export type KeptBootstrap = { readonly digest: Digest; readonly stored: StoredBootstrap };

/** What tells where the chunks of a blob are and which digests they have. */
export type BlobTables = {
  readonly blobMeta: Buffer | undefined;
  readonly digestSection: Buffer | undefined;
};

export class BootstrapStore {
  readonly #directory: string;
  readonly #state: StateStore;
  /** Fetches that run, so that mounts of one image at once fetch it once. */
  readonly #fetching = new Map<string, Promise<StoredBootstrap>>();

  /** The state is open: nobody else writes here. */
  constructor(root: string, state: StateStore) {
    this.#directory = join(root, 'images');
    this.#state = state;
    makePrivateDirectory(this.#directory);
    this.#removeUnfinished();
  }

  /** Files that a daemon was writing when it was killed; what cannot be removed does no harm. */
  #removeUnfinished(): void {
    for (const entry of readdirSync(this.#directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      try {
        removeUnfinished(join(this.#directory, entry.name));
      } catch {
        // It goes with the bootstrap.
      }
    }
  }

  /** What is stored for a bootstrap layer; undefined when it must be fetched. */
  async find(layerDigest: string): Promise<StoredBootstrap | undefined> {
    const verified = await this.#state.readVerified(layerDigest);
    if (verified === undefined || verified.walkVersion !== WALK_VERSION) return undefined;
    const stored = describeStored(this.#imageDirectory(layerDigest), verified);
    return (await isIntact(stored)) ? stored : undefined;
  }

  /** Fetches, walks and stores a bootstrap layer. @throws BootstrapLayerError, RAFS errors */
  async fetch(store: ImageStore, layer: Descriptor, signal: AbortSignal): Promise<StoredBootstrap> {
    for (;;) {
      const running = this.#fetching.get(layer.digest);
      if (running === undefined) break;
      // The one who fetches may be cancelled; that must not fail the others, of whom one goes on.
      const stored = await running.catch(() => undefined);
      if (stored !== undefined) return stored;
      signal.throwIfAborted();
    }
    const fetching = this.#fetch(store, layer, signal);
    this.#fetching.set(layer.digest, fetching);
    try {
      return await fetching;
    } finally {
      if (this.#fetching.get(layer.digest) === fetching) this.#fetching.delete(layer.digest);
    }
  }

  read(stored: StoredBootstrap): Promise<Buffer> {
    return readFile(stored.file);
  }

  /** Tables of a blob that came with the bootstrap or were saved beside it. */
  async readBlobTables(layerDigest: string, blobId: string): Promise<BlobTables> {
    const directory = this.#imageDirectory(layerDigest);
    return {
      blobMeta: await readSealed(join(directory, metaName(blobId))),
      digestSection: await readSealed(join(directory, digestName(blobId))),
    };
  }

  async writeBlobTables(layerDigest: string, blobId: string, tables: BlobTables): Promise<void> {
    const directory = this.#imageDirectory(layerDigest);
    const { blobMeta, digestSection } = tables;
    if (blobMeta !== undefined) await writeDurably(directory, metaName(blobId), seal(blobMeta));
    if (digestSection !== undefined) {
      await writeDurably(directory, digestName(blobId), seal(digestSection));
    }
  }

  async #fetch(
    store: ImageStore,
    layer: Descriptor,
    signal: AbortSignal,
  ): Promise<StoredBootstrap> {
    const fetched = await readBootstrapLayer(store, layer, signal);
    const stored = await this.#keep(layer.digest, fetched);
    const directory = this.#imageDirectory(layer.digest);
    await writeDurably(directory, DIFF_ID_FILE, seal(Buffer.from(fetched.diffId)));
    return stored;
  }

  /** Of a layer that was fetched here; undefined when an older version did, or nobody. */
  async diffIdOf(layerDigest: Digest): Promise<Digest | undefined> {
    const text = await readSealed(join(this.#imageDirectory(layerDigest), DIFF_ID_FILE));
    return text === undefined ? undefined : parseDigest(text.toString());
  }

  /** Names the files of a bootstrap layer by what is in them. */
  digestOf({ bootstrap, metaFiles }: BootstrapLayer): Digest {
    const hash = createHash('sha256').update(hashOf(bootstrap));
    for (const [blobId, meta] of [...metaFiles].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(blobId).update(hashOf(meta));
    }
    return finishDigest('sha256', hash);
  }

  /** Walks and stores what somebody else has fetched and unpacked. @throws RAFS errors */
  async keep(digest: Digest, layer: BootstrapLayer): Promise<KeptBootstrap> {
    const stored = (await this.find(digest)) ?? (await this.#keep(digest, layer));
    return { digest, stored };
  }

  async #keep(
    layerDigest: string,
    { bootstrap: bytes, metaFiles }: BootstrapLayer,
  ): Promise<StoredBootstrap> {
    const { inodes, blobIds, overlayBytes } = await walkBootstrap(bytes);
    const directory = this.#imageDirectory(layerDigest);
    await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw orDiskFull(error, directory);
    });
    await syncDirectory(this.#directory);
    for (const [blobId, meta] of metaFiles) {
      if (blobIds.includes(blobId)) await writeDurably(directory, metaName(blobId), seal(meta));
    }
    if (overlayBytes !== undefined) {
      await writeDurably(directory, OVERLAY_BOOTSTRAP_FILE, overlayBytes);
    }
    await writeDurably(directory, BOOTSTRAP_FILE, bytes);
    const verified = {
      walkVersion: WALK_VERSION,
      sizeBytes: bytes.length,
      fileDigest: await digestOf(bytes),
      ...(overlayBytes === undefined ? {} : { overlayDigest: await digestOf(overlayBytes) }),
      inodes,
      blobIds: [...blobIds],
    };
    await this.#state.putVerified(layerDigest, verified);
    return describeStored(directory, verified);
  }

  #imageDirectory(layerDigest: string): string {
    return join(this.#directory, digestHex(parseDigest(layerDigest)));
  }
}

function describeStored(directory: string, verified: VerifiedBootstrap): StoredBootstrap {
  const file = join(directory, BOOTSTRAP_FILE);
  const overlayFile =
    verified.overlayDigest === undefined ? file : join(directory, OVERLAY_BOOTSTRAP_FILE);
  return { file, overlayFile, verified };
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The kernel must get the very bytes that were walked. */
async function isIntact({ file, overlayFile, verified }: StoredBootstrap): Promise<boolean> {
  const { fileDigest, overlayDigest } = verified;
  if (!(await hasDigest(file, fileDigest))) return false;
  return overlayDigest === undefined || hasDigest(overlayFile, overlayDigest);
}

async function hasDigest(file: string, digest: string): Promise<boolean> {
  const bytes = await readIfThere(file);
  return bytes !== undefined && (await digestOf(bytes)) === digest;
}

/** In a thread of the pool: readers of other mounts wait for this one. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes));
  return Buffer.from(digest).toString('hex');
}

function digestName(blobId: string): string {
  return `${blobId}.blob.digest`;
}

function metaName(blobId: string): string {
  return `${blobId}.blob.meta`;
}

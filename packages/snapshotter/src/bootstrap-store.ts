/**
 * Bootstraps on disk: fetched once, walked completely by our decoder before the kernel may see
 * them, then kept read-only under `<root>/images/<digest of the layer>/`. That a bootstrap was
 * walked is remembered by the digest of its layer, together with the digest of the file: one that was
 * changed on the disk since counts as absent, and is fetched and walked again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import type { Descriptor } from '@shoal/oci';
import { digestHex, parseDigest } from '@shoal/oci';
import { decodeBootstrapLayerTar } from '@shoal/rafs';
import type { ImageStore } from '@shoal/registry-client';
import { walkBootstrap } from './bootstrap-walk.ts';
import { ImageUnusableError } from './errors.ts';
import { BOOTSTRAP_LAYER_BYTES_MAX, BOOTSTRAP_TAR_BYTES_MAX } from './limits.ts';
import { makePrivateDirectory } from './private-directory.ts';
import type { StateStore, VerifiedBootstrap } from './state-store.ts';

/** Raised when the walk checks more than before: what older versions found good is walked again. */
export const WALK_VERSION = 2;

const BOOTSTRAP_FILE = 'image.boot';
const OVERLAY_BOOTSTRAP_FILE = 'overlay.boot';
/** Of SHA-256. */
const SEAL_BYTES = 32;
const GZIP_MAGIC = 0x8b1f;
const ZSTD_MAGIC = 0xfd2fb528;

export type StoredBootstrap = {
  /** The metadata file the kernel mounts. */
  readonly file: string;
  /** The same, or a copy without instructions to overlayfs: for mounts with an overlay on top. */
  readonly overlayFile: string;
  readonly verified: VerifiedBootstrap;
};

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

  constructor(root: string, state: StateStore) {
    this.#directory = join(root, 'images');
    this.#state = state;
    makePrivateDirectory(this.#directory);
  }

  /** What is stored for a bootstrap layer; undefined when it must be fetched. */
  async find(layerDigest: string): Promise<StoredBootstrap | undefined> {
    const verified = await this.#state.readVerified(layerDigest);
    if (verified === undefined || verified.walkVersion !== WALK_VERSION) return undefined;
    const stored = describeStored(this.#imageDirectory(layerDigest), verified);
    return (await isIntact(stored)) ? stored : undefined;
  }

  /** Fetches, walks and stores a bootstrap layer. @throws ImageUnusableError, RAFS errors */
  async fetch(
    store: ImageStore,
    layer: Descriptor,
    reference: string,
    signal: AbortSignal,
  ): Promise<StoredBootstrap> {
    const running = this.#fetching.get(layer.digest);
    if (running !== undefined) {
      // The one who fetches may be cancelled; that must not fail the others.
      const stored = await running.catch(() => undefined);
      if (stored !== undefined) return stored;
    }
    const fetching = this.#fetch(store, layer, reference, signal);
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
    reference: string,
    signal: AbortSignal,
  ): Promise<StoredBootstrap> {
    if (layer.size > BOOTSTRAP_LAYER_BYTES_MAX) {
      throw new ImageUnusableError(reference, `its bootstrap layer has ${layer.size} bytes`);
    }
    const packed = await collect(await store.readBlob(layer, { signal }), layer.size);
    const tar = await unpack(packed, reference);
    const { bootstrap: bytes, metaFiles } = decodeBootstrapLayerTar(tar);
    const { inodes, blobIds, overlayBytes } = await walkBootstrap(bytes);
    const directory = this.#imageDirectory(layer.digest);
    await mkdir(directory, { recursive: true, mode: 0o700 });
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
    await this.#state.putVerified(layer.digest, verified);
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

/** The kernel must get the very bytes that were walked. */
async function isIntact({ file, overlayFile, verified }: StoredBootstrap): Promise<boolean> {
  const { fileDigest, overlayDigest } = verified;
  if (!(await hasDigest(file, fileDigest))) return false;
  return overlayDigest === undefined || hasDigest(overlayFile, overlayDigest);
}

async function hasDigest(file: string, digest: string): Promise<boolean> {
  return existsSync(file) && (await digestOf(await readFile(file))) === digest;
}

/** In a thread of the pool: readers of other mounts wait for this one. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes));
  return Buffer.from(digest).toString('hex');
}

/** A file that tells by itself whether it is intact: its digest, then its bytes. */
function seal(bytes: Uint8Array): Buffer {
  return Buffer.concat([createHash('sha256').update(bytes).digest(), bytes]);
}

/** Undefined when it is absent or damaged: then it is fetched. */
async function readSealed(file: string): Promise<Buffer | undefined> {
  if (!existsSync(file)) return undefined;
  const sealed = await readFile(file);
  const bytes = sealed.subarray(SEAL_BYTES);
  return seal(bytes).equals(sealed) ? bytes : undefined;
}

function digestName(blobId: string): string {
  return `${blobId}.blob.digest`;
}

function metaName(blobId: string): string {
  return `${blobId}.blob.meta`;
}

/** Complete on disk under its name, or not there: read-only, 0400. */
async function writeDurably(directory: string, name: string, bytes: Uint8Array): Promise<string> {
  const temporary = join(directory, `.${name}.${process.pid}`);
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o400);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(temporary, 0o400);
  const file = join(directory, name);
  await rename(temporary, file);
  const parent = await open(directory, 'r');
  await parent.sync().finally(() => parent.close());
  return file;
}

/** The store verifies size and digest; the bound here is the descriptor's size. */
async function collect(stream: Readable, sizeBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for await (const part of stream) {
    const piece: Buffer = Buffer.from(part);
    piece.copy(bytes, at);
    at += piece.length;
  }
  return bytes.subarray(0, at);
}

async function unpack(packed: Buffer, reference: string): Promise<Buffer> {
  const limit = { maxOutputLength: BOOTSTRAP_TAR_BYTES_MAX };
  try {
    if (packed.length >= 4 && packed.readUInt16LE(0) === GZIP_MAGIC) {
      return await promisify(gunzip)(packed, limit);
    }
    if (packed.length >= 4 && packed.readUInt32LE(0) === ZSTD_MAGIC) {
      return await promisify(zstdDecompress)(packed, limit);
    }
  } catch (error) {
    throw new ImageUnusableError(reference, 'its bootstrap layer does not decompress', {
      cause: error,
    });
  }
  return packed;
}

/**
 * Makes images with the real nydus-image, packaged as nydusify packages them: one blob per layer
 * with its metadata inside, and a merged bootstrap as the last layer.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdDecompressSync } from 'node:zlib';
import { digestOf, type StoredLayer, writeLayout, writeTar } from '@shoal/test-kit';

export type NydusOptions = {
  /** Path of nydus-image; of nydus-builder where one of its options is used. */
  readonly program: string;
  /** An empty directory for everything that is made. */
  readonly directory: string;
  /** Layer archives, lowest first. */
  readonly layers: readonly Buffer[];
  readonly compressor?: 'zstd' | 'lz4_block' | 'none';
  readonly digester?: 'sha256' | 'blake3';
  /** Bytes. @default 1 MiB */
  readonly chunkSize?: number;
  /** nydus-builder packs small files together. */
  readonly batchBytes?: number;
  /** nydus-builder encrypts each blob with a key of its own. */
  readonly cipher?: 'aes-128-xts';
};

export type NydusImage = {
  /** The OCI layout; its tag is `latest`. */
  readonly layout: string;
  /** The merged bootstrap as a file. */
  readonly bootstrap: string;
  /** Where the blobs lie, each named by its digest's hex. */
  readonly blobDirectory: string;
};

const TAR_HEADER_BYTES = 512;
const TOC_ENTRY_BYTES = 128;
const TOC_ZSTD = 2;

/** Builds each layer, merges the bootstraps and writes the layout. */
export function makeNydusImage(options: NydusOptions): NydusImage {
  const { directory } = options;
  const blobDirectory = join(directory, 'blobs');
  const bootstrapDirectory = join(directory, 'bootstraps');
  for (const path of [blobDirectory, bootstrapDirectory]) mkdirSync(path, { recursive: true });
  const blobs = options.layers.map((layer, index) => makeBlob(options, layer, index));
  const bootstraps = blobs.map((blob) => {
    const path = join(bootstrapDirectory, hexOf(blob));
    writeFileSync(path, extractBootstrap(blob));
    return path;
  });
  for (const blob of blobs) writeFileSync(join(blobDirectory, hexOf(blob)), blob);
  const bootstrap = join(directory, 'image.boot');
  mergeBootstraps(options, bootstrap, bootstraps);
  const layers = [...blobs.map(blobLayer), bootstrapLayer(readFileSync(bootstrap))];
  const layout = writeLayout({ directory: join(directory, 'layout'), layers });
  return { layout, bootstrap, blobDirectory };
}

function makeBlob(options: NydusOptions, layer: Buffer, index: number): Buffer {
  const source = join(options.directory, `layer-${index}.tar`);
  const blob = join(options.directory, `layer-${index}.blob`);
  writeFileSync(source, layer);
  const { compressor = 'zstd', digester = 'sha256', chunkSize = 1 << 20 } = options;
  if (usesBuilder(options)) {
    const { batchBytes = 0, cipher = 'none' } = options;
    const numbers = [String(chunkSize), String(batchBytes)];
    run(options.program, ['create', source, blob, compressor, digester, ...numbers, cipher]);
    return readFileSync(blob);
  }
  run(options.program, [
    ...['--log-level', 'warn', 'create'],
    ...['--type', 'tar-rafs', '--fs-version', '6', '--whiteout-spec', 'none'],
    ...['--compressor', compressor, '--digester', digester],
    ...['--chunk-size', `0x${chunkSize.toString(16)}`],
    ...['--blob-inline-meta', '--features', 'blob-toc', '--blob', blob, source],
  ]);
  return readFileSync(blob);
}

function usesBuilder({ batchBytes, cipher }: NydusOptions): boolean {
  return batchBytes !== undefined || cipher !== undefined;
}

function mergeBootstraps(options: NydusOptions, merged: string, layers: readonly string[]): void {
  const plain = ['--log-level', 'warn', 'merge', '--bootstrap'];
  const command = usesBuilder(options) ? ['merge'] : plain;
  run(options.program, [...command, merged, ...layers]);
}

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' });
}

function hexOf(bytes: Buffer): string {
  return digestOf(bytes).slice('sha256:'.length);
}

/** Finds `image.boot` through the table of contents at the end of the blob. */
function extractBootstrap(blob: Buffer): Buffer {
  const header = blob.subarray(blob.length - TAR_HEADER_BYTES);
  if (!header.toString('latin1').startsWith('rafs.blob.toc\0')) throw new Error('no TOC');
  const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
  const toc = blob.subarray(blob.length - TAR_HEADER_BYTES - size, blob.length - TAR_HEADER_BYTES);
  for (let at = 0; at < toc.length; at += TOC_ENTRY_BYTES) {
    const name = toc.toString('latin1', at + 8, at + 24).replace(/\0.*$/, '');
    if (name !== 'image.boot') continue;
    const offset = Number(toc.readBigUInt64LE(at + 56));
    const stored = blob.subarray(offset, offset + Number(toc.readBigUInt64LE(at + 64)));
    return toc.readUInt32LE(at) === TOC_ZSTD ? zstdDecompressSync(stored) : stored;
  }
  throw new Error('the TOC names no image.boot');
}

function blobLayer(bytes: Buffer): StoredLayer {
  return {
    bytes,
    mediaType: 'application/vnd.oci.image.layer.nydus.blob.v1',
    diffId: digestOf(bytes),
    annotations: { 'containerd.io/snapshot/nydus-blob': 'true' },
  };
}

function bootstrapLayer(bootstrap: Buffer): StoredLayer {
  const tar = writeTar([
    { name: 'image/', type: 'directory' },
    { name: 'image/image.boot', content: bootstrap, mode: 0o444 },
  ]);
  return {
    bytes: gzipSync(tar),
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    diffId: digestOf(tar),
    annotations: {
      'containerd.io/snapshot/nydus-bootstrap': 'true',
      'containerd.io/snapshot/nydus-fs-version': '6',
    },
  };
}

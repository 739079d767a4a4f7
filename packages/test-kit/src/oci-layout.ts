/** Writes OCI image layouts from ready layer archives, without any of Shoal's own code. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

export type LayerCompression = 'none' | 'gzip' | 'zstd';

export type LayoutLayer = {
  readonly tar: Buffer;
  /** @default 'gzip' */
  readonly compression?: LayerCompression;
};

/** A layer as it is stored, whatever it is. */
export type StoredLayer = {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly diffId: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

/** A layer whose bytes lie in the layout already, or nowhere. */
export type DescribedLayer = Omit<StoredLayer, 'bytes'> & {
  readonly digest: string;
  readonly size: number;
};

export type LayoutOptions = {
  /** Made if absent; must be empty. */
  readonly directory: string;
  readonly layers: readonly LayoutLayer[];
  /** @default 'latest' */
  readonly tag?: string;
  /** @default { os: 'linux', architecture: the machine's } */
  readonly platform?: { readonly os: string; readonly architecture: string };
  /** The image configuration's `config` member. */
  readonly config?: Readonly<Record<string, unknown>>;
};

type WrittenBlob = { readonly mediaType: string; readonly digest: string; readonly size: number };

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const SUFFIX: Readonly<Record<LayerCompression, string>> = {
  none: '',
  gzip: '+gzip',
  zstd: '+zstd',
};

/** Writes the layout and returns its directory. */
export function buildLayout(options: LayoutOptions): string {
  return writeLayout({ ...options, layers: options.layers.map(storeLayer) });
}

/** Writes a layout of layers that are compressed, digested and named already. */
export function writeLayout(
  options: Omit<LayoutOptions, 'layers'> & { readonly layers: readonly StoredLayer[] },
): string {
  mkdirSync(join(options.directory, 'blobs', 'sha256'), { recursive: true });
  const layers = options.layers.map(({ bytes, ...layer }) => ({
    ...layer,
    ...writeBlob(options.directory, layer.mediaType, bytes),
  }));
  return writeLayoutDocuments({ ...options, layers });
}

/** Writes configuration, manifest and index around layers; returns the layout's directory. */
export function writeLayoutDocuments(
  options: Omit<LayoutOptions, 'layers'> & { readonly layers: readonly DescribedLayer[] },
): string {
  const { directory, tag = 'latest' } = options;
  const platform = options.platform ?? {
    os: 'linux',
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
  };
  const layers = options.layers.map(({ mediaType, digest, size, annotations }) => ({
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations }),
  }));
  const config = writeJson(directory, 'application/vnd.oci.image.config.v1+json', {
    created: '2020-01-01T00:00:00Z',
    ...platform,
    config: options.config ?? { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: options.layers.map(({ diffId }) => diffId) },
    history: options.layers.map((_, index) => ({ created_by: `layer ${index + 1}` })),
  });
  const manifest = writeJson(directory, 'application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers,
  });
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  writeFileSync(
    join(directory, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] }),
  );
  writeFileSync(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return directory;
}

function storeLayer({ tar, compression = 'gzip' }: LayoutLayer): StoredLayer {
  return {
    bytes: compress(tar, compression),
    mediaType: `${LAYER}${SUFFIX[compression]}`,
    diffId: digestOf(tar),
  };
}

function compress(tar: Buffer, compression: LayerCompression): Buffer {
  if (compression === 'gzip') return gzipSync(tar, { level: 1 });
  return compression === 'zstd' ? zstdCompressSync(tar) : tar;
}

function writeJson(directory: string, mediaType: string, value: unknown): WrittenBlob {
  return writeBlob(directory, mediaType, Buffer.from(JSON.stringify(value)));
}

function writeBlob(directory: string, mediaType: string, bytes: Buffer): WrittenBlob {
  const digest = digestOf(bytes);
  writeFileSync(join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length)), bytes);
  return { mediaType, digest, size: bytes.length };
}

/** `sha256:<hex>` of the bytes. */
export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

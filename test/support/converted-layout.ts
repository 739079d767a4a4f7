/** Takes a converted image in an OCI layout apart, without any of Shoal's own code. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export type ConvertedFiles = {
  /** The bootstrap as a file. */
  readonly bootstrap: string;
  /** Blobs named by the hex of their digest, as nydus's `localfs` backend wants them. */
  readonly blobDirectory: string;
  /** Names in `blobDirectory`. */
  readonly blobs: readonly string[];
};

type Descriptor = {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

const BOOTSTRAP_MARK = 'containerd.io/snapshot/nydus-bootstrap';

/** Copies blobs and bootstrap of the layout's only image to `directory`. */
export function takeApart(layout: string, directory: string): ConvertedFiles {
  const blobDirectory = join(directory, 'blobs');
  mkdirSync(blobDirectory, { recursive: true });
  const index: { manifests: Descriptor[] } = readJson(join(layout, 'index.json'));
  // Torrents of its blobs may be listed beside it.
  const first = index.manifests.find(({ artifactType }) => artifactType === undefined);
  if (first === undefined) throw new Error(`${layout} holds no image`);
  const manifest: { layers: Descriptor[] } = readJson(pathOf(layout, first));
  const bootstrap = join(directory, 'image.boot');
  const blobs: string[] = [];
  for (const layer of manifest.layers) {
    if (layer.annotations?.[BOOTSTRAP_MARK] === 'true') {
      const tar = gunzipSync(readFileSync(pathOf(layout, layer)));
      writeFileSync(bootstrap, fileInTar(tar, 'image/image.boot'));
      continue;
    }
    const name = layer.digest.replace(/^sha256:/, '');
    if (!blobs.includes(name)) blobs.push(name);
    copyFileSync(pathOf(layout, layer), join(blobDirectory, name));
  }
  return { bootstrap, blobDirectory, blobs };
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function pathOf(layout: string, descriptor: Descriptor): string {
  return join(layout, 'blobs', 'sha256', descriptor.digest.replace(/^sha256:/, ''));
}

/** One file of a plain ustar archive. */
function fileInTar(tar: Buffer, wanted: string): Buffer {
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8) || 0;
    if (name.replace(/^\.\//, '') === wanted) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the bootstrap layer has no ${wanted}`);
}

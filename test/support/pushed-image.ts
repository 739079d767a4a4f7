/** Images of a test in its registry, as containerd's unpacker sees them: manifest, layers, diff ids. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Descriptor, parseReference } from '@shoal/oci';
import {
  collectBounded,
  openSource,
  openTarget,
  readConfig,
  readDocument,
} from '@shoal/registry-client';
import { runChecked } from '@shoal/test-kit';
import type { Mount } from '../../packages/snapshotter/src/grpc/gen/types/mount.ts';
import { runMounted, type UnpackImage } from './unpacker.ts';

const LAYER_BYTES_MAX = 1 << 28;
const CLIENT = { plainHttp: true };

/** Copies the only image of a layout, as it is. */
export async function pushLayout(layout: string, reference: string): Promise<void> {
  await using source = await openSource(parseReference(`oci:${layout}:latest`), CLIENT);
  await using target = await openTarget(parseReference(reference), CLIENT);
  const top = await source.resolve();
  const document = await readDocument(source, top);
  if (document.kind !== 'manifest') throw new Error('one image, please');
  for (const descriptor of [...document.layers, document.config]) {
    const writer = await target.openBlobWriter();
    for await (const piece of await source.readBlob(descriptor)) await writer.write(piece);
    await writer.commit(descriptor);
  }
  await target.writeManifest(await source.readManifest(top), top.mediaType);
}

/**
 * The image that containerd would pull from a reference, with layers that are fetched from there
 * and applied by tar. `reference` names one manifest; `imageRef` is what the user wrote.
 */
export async function unpackImageOf(reference: string, imageRef = reference): Promise<UnpackImage> {
  await using store = await openSource(parseReference(reference), CLIENT);
  const top = await store.resolve();
  const manifest = await readDocument(store, top);
  if (manifest.kind !== 'manifest') throw new Error('one image, please');
  const { rootfs } = await readConfig(store, manifest.config);
  const layers = manifest.layers.map((layer, index) => ({
    digest: layer.digest,
    diffId: rootfs.diff_ids[index] ?? '',
    ...(layer.annotations === undefined ? {} : { annotations: layer.annotations }),
    apply: (mounts: readonly Mount[]) => applyLayer(reference, layer, mounts),
  }));
  return { imageRef, manifestDigest: top.digest, layers };
}

/** Whiteouts are containerd's affair; the layers here have none. */
async function applyLayer(
  reference: string,
  layer: Descriptor,
  mounts: readonly Mount[],
): Promise<void> {
  await using store = await openSource(parseReference(reference), CLIENT);
  const bytes = await collectBounded(await store.readBlob(layer), LAYER_BYTES_MAX, 'a layer');
  const directory = (await runChecked('mktemp', ['-d'])).stdout.trim();
  const file = `${directory}.tar`;
  writeFileSync(file, bytes);
  try {
    await runMounted(mounts, directory, `tar -xpf '${join(file)}' --xattrs --numeric-owner`);
  } finally {
    rmSync(file);
    rmSync(directory, { recursive: true });
  }
}

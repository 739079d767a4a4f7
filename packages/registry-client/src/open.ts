/**
 * Opens whatever a reference names behind one interface. The client and the archives are loaded when
 * a reference asks for them.
 */
import { resolve } from 'node:path';
import { formatReference, type ImageReference } from '@shoal/oci';
import { ReferenceKindError } from './errors.ts';
import type { ImageStore, ImageTarget } from './image-store.ts';
import { LAYOUT_FILE, readLayoutIndex } from './layout/layout-index.ts';
import { LayoutStore } from './layout/layout-store.ts';
import { LayoutTarget } from './layout/layout-target.ts';
import { DirectoryTree } from './local/file-tree.ts';
import type { ClientOptions } from './options.ts';

/** Opens an image to read. Throws at once when a local path is not what it is said to be. */
export async function openSource(
  reference: ImageReference,
  options: ClientOptions = {},
): Promise<ImageStore> {
  const description = formatReference(reference);
  switch (reference.kind) {
    case 'registry': {
      if (options.client !== undefined) return options.client.openSource(reference);
      const { openOwned } = await import('./client.ts');
      return openOwned(options, (client, onClose) => client.openSource(reference, onClose));
    }
    case 'layout': {
      const tree = new DirectoryTree(resolve(reference.path), description);
      await readLayoutIndex(tree);
      return new LayoutStore(tree, description, reference.tag);
    }
    case 'oci-archive':
    case 'docker-archive':
      return openArchive(reference, description);
    case 'directory':
      throw directoryRefused(description);
  }
}

async function openArchive(
  reference: Extract<ImageReference, { kind: 'oci-archive' | 'docker-archive' }>,
  description: string,
): Promise<ImageStore> {
  const [{ ArchiveTree }, { DockerArchiveStore }] = await Promise.all([
    import('./archive/archive-tree.ts'),
    import('./archive/docker-archive-store.ts'),
  ]);
  const { kind, tag } = reference;
  const tree = await ArchiveTree.open(resolve(reference.path), description);
  try {
    const isLayout = (await tree.sizeOf(LAYOUT_FILE)) !== undefined;
    if (kind === 'docker-archive' && !isLayout) {
      const store = new DockerArchiveStore(tree, description, tag);
      await store.resolve();
      return store;
    }
    await readLayoutIndex(tree);
    return new LayoutStore(tree, description, tag);
  } catch (error) {
    await tree.close();
    throw error;
  }
}

/** Opens an image to write. Nothing is made before the first byte is written. */
export async function openTarget(
  reference: ImageReference,
  options: ClientOptions = {},
): Promise<ImageTarget> {
  const description = formatReference(reference);
  switch (reference.kind) {
    case 'registry': {
      if (options.client !== undefined) return options.client.openTarget(reference);
      const { openOwned } = await import('./client.ts');
      return openOwned(options, (client, onClose) => client.openTarget(reference, onClose));
    }
    case 'layout':
      return LayoutTarget.open({ path: reference.path, description, tag: reference.tag });
    case 'oci-archive':
    case 'docker-archive': {
      const { ArchiveTarget } = await import('./archive/archive-target.ts');
      return ArchiveTarget.open({
        path: reference.path,
        description,
        tag: reference.tag,
        isDocker: reference.kind === 'docker-archive',
      });
    }
    case 'directory':
      throw directoryRefused(description);
  }
}

function directoryRefused(description: string): ReferenceKindError {
  return new ReferenceKindError(`${description} is a directory tree, not an image`, {
    remedy: 'a directory can only be the source of a conversion',
  });
}

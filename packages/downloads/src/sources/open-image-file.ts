/** Opens a converted image for one of its files; of an ordinary image the one that was made of it. */
import type { BlobSource } from '@shoal/blob-store';
import { openConvertedImageIn } from '@shoal/converter';
import { errorCode } from '@shoal/errors';
import type { Platform } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { SubjectError } from '../errors.ts';
import type { FileSource } from '../file-source.ts';
import { CountedStore } from './counted-store.ts';
import { imageFileSource } from './image-file-source.ts';

export type ImageFileRequest = {
  readonly path: string;
  readonly shared: BlobSource | undefined;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Closing it closes the store and what is shared, too. */
export async function openImageFile(
  store: ImageStore,
  { path, shared, platform, signal }: ImageFileRequest,
): Promise<{ readonly source: FileSource; readonly close: () => Promise<void> }> {
  const counted = new CountedStore(store, shared);
  const image = await openConvertedImageIn(counted, { platform, signal }).catch(
    (error: unknown) => {
      if (errorCode(error) !== 'ERR_REGISTRY_CLIENT_NOT_CONVERTED') throw error;
      throw new SubjectError(
        `${store.description} is an ordinary image, whose files are in archives`,
        {
          cause: error,
          remedy: 'convert it with shoal convert, then any file of it can be fetched alone',
        },
      );
    },
  );
  counted.knowLayers(image.facts.manifest.layers);
  const source = imageFileSource({ image, path, takeSources: () => counted.takeSources() });
  const close = async () => {
    await image.close();
    await shared?.close();
  };
  return { source, close };
}

/**
 * A file inside a converted image. There is no digest of the whole: every chunk is compared with the
 * one in the bootstrap before any of it is written.
 */
import type { ConvertedImage } from '@shoal/converter';
import { findFile } from '@shoal/converter';
import type { FileSource, SourceBytes } from '../file-source.ts';

export type ImageFileInput = {
  readonly image: ConvertedImage;
  readonly path: string;
  /** What was read for it since it was asked last. */
  readonly takeSources: () => SourceBytes;
};

/** Throws `ERR_CONVERTER_IMAGE_PATH`. */
export function imageFileSource({ image, path, takeSources }: ImageFileInput): FileSource {
  const inode = findFile(image, path);
  const { description, descriptor } = image.facts;
  return {
    description: `${description}: ${path}`,
    identity: `${descriptor.digest} ${path}`,
    digest: undefined,
    size: inode.size,
    isResumable: true,
    // Whose chunk is wrong is known before it is handed out.
    isShared: false,
    judged: () => undefined,
    async *pieces(offset, { signal, onSource }) {
      if (offset >= inode.size) return;
      for await (const piece of image.readFile(inode, { offset, signal })) {
        onSource(takeSources());
        yield piece;
      }
    },
  };
}

/** What `shoal cat` writes: the bytes of one file of an image, or a part of them. */
import { printableName, type RafsInode } from '@shoal/rafs';
import { ImagePathError } from '../errors.ts';
import type { ConvertedImage, ReadFileOptions } from '../image/converted-image.ts';
import { resolveImagePath } from '../image/image-path.ts';
import { EntryKind } from '../layer/layer-entry.ts';
import { kindName } from '../list/format-entry.ts';

/**
 * The bytes of the file a path names, symlinks followed inside the image. A range beyond the end
 * gives nothing. Throws `ERR_CONVERTER_IMAGE_PATH` before the first byte.
 */
export async function* catFile(
  image: ConvertedImage,
  path: string,
  options: ReadFileOptions = {},
): AsyncGenerator<Buffer, void> {
  yield* image.readFile(findFile(image, path), options);
}

/** The regular file a path leads to, symlinks followed. Throws `ERR_CONVERTER_IMAGE_PATH`. */
export function findFile(image: ConvertedImage, path: string): RafsInode {
  const { handle } = resolveImagePath(image.tree, path, true);
  const inode = image.bootstrap.inode(handle);
  if (inode.kind === EntryKind.regular) return inode;
  const shown = printableName(Buffer.from(path));
  throw new ImagePathError(shown, `is not a file but of type ${kindName(inode.kind)}`);
}

/**
 * Conditions of reading images back: opening, checking, unpacking, listing.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** A file given instead of an image reference cannot be read as a bootstrap. */
export class ImageFileError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_IMAGE_FILE';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path} ${detail}`, {
      remedy:
        'give a bootstrap file, or an image as host/name:tag, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:TAG]',
      ...options,
    });
  }
}

/** A path inside the image does not exist or is not what the command needs. */
export class ImagePathError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_IMAGE_PATH';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path} ${detail}`, { remedy: 'see what is there with shoal ls', ...options });
  }
}

/** The bootstrap's chunks of a file do not add up to the file. */
export class FileLayoutError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_FILE_LAYOUT';

  constructor(inode: string, detail: string) {
    super(`inode ${inode}: ${detail}`, { remedy: 'convert the image again' });
  }
}

/** The tree cannot be written as an archive, e.g. a path is longer than any archive holds. */
export class UnpackError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_UNPACK';
}

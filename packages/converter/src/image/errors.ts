/**
 * Conditions of reading images back: opening, checking, unpacking, listing.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';
import { PLATFORMS_NAMED_MAX } from './limits.ts';

/** The image is an ordinary one, but the command needs a converted one. */
export class NotConvertedError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_NOT_CONVERTED';

  constructor(image: string) {
    super(`${image} is not a converted image: it has no RAFS bootstrap`, {
      remedy: 'convert it first with shoal convert',
    });
  }
}

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

/** An index has no manifest for the platform asked for, or a manifest is for another one. */
export class PlatformMissingError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_PLATFORM_MISSING';

  constructor(image: string, wanted: string, offered: readonly string[]) {
    const names = [...new Set(offered)];
    const more = names.length - PLATFORMS_NAMED_MAX;
    const known =
      names.slice(0, PLATFORMS_NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
    super(
      `${image} has no image for ${wanted}; ${known === '' ? 'it holds no image' : `it has ${known}`}`,
      {
        remedy:
          known === '' ? 'build or push it again' : 'choose one of its platforms with --platform',
      },
    );
  }
}

/** A path inside the image does not exist or is not what the command needs. */
export class ImagePathError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_IMAGE_PATH';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path} ${detail}`, { remedy: 'see what is there with shoal ls', ...options });
  }
}

/** Something unpacked or uncompressed is larger than any sound image makes it. */
export class BootstrapLayerError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_BOOTSTRAP_LAYER';

  constructor(layer: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`bootstrap layer ${layer}: ${detail}`, {
      remedy: 'convert the image again',
      ...options,
    });
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

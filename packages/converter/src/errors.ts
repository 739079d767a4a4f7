/**
 * Every condition the converter reports, one class each. Codes are stable; callers test `code`.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

const REBUILD = 'the layer is damaged or was written by a faulty tool: build or push it again';

/** Where in which archive a tar error happened. */
export type TarPlace = {
  /** `layer sha256:...`. */
  readonly archive?: string | undefined;
  /** Printable name of the entry, or what was being read. */
  readonly entry: string;
  /** Byte offset of the entry's header in the uncompressed archive. */
  readonly offset: number;
};

abstract class TarError extends ShoalError {
  readonly place: TarPlace;

  constructor(place: TarPlace, detail: string, options: ShoalErrorOptions = {}) {
    const archive = place.archive === undefined ? '' : `${place.archive}, `;
    super(`${archive}tar entry ${place.entry} at offset ${place.offset}: ${detail}`, {
      remedy: REBUILD,
      ...options,
    });
    this.place = place;
  }
}

/** A header block's checksum does not fit its bytes. */
export class TarChecksumError extends TarError {
  override readonly code = 'ERR_CONVERTER_TAR_CHECKSUM';
}

/** The archive ends inside an entry. */
export class TarTruncatedError extends TarError {
  override readonly code = 'ERR_CONVERTER_TAR_TRUNCATED';
}

/** A field of a header (number, PAX record, sparse map) cannot be read. */
export class TarHeaderError extends TarError {
  override readonly code = 'ERR_CONVERTER_TAR_HEADER';
}

/** An entry type no file system object stands for (multi-volume, vendor types). */
export class TarTypeError extends TarError {
  override readonly code = 'ERR_CONVERTER_TAR_TYPE';
}

/** An entry passes one of the limits of `limits.ts`. */
export class TarLimitError extends TarError {
  override readonly code = 'ERR_CONVERTER_TAR_LIMIT';
}

/** An entry that cannot be applied to the tree below it: unsafe name, missing link target. */
export class LayerEntryError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_LAYER_ENTRY';

  constructor(layer: string, entry: string, detail: string) {
    super(`layer ${layer}, entry ${entry}: ${detail}`, { remedy: REBUILD });
  }
}

/** The image passes a limit of the format or of `limits.ts`. */
export class ImageLimitError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_IMAGE_LIMIT';
}

/** Stored layer records (memory or build cache) that do not decode. */
export class LayerRecordError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_LAYER_RECORD';

  constructor(detail: string) {
    super(`a stored layer record is damaged: ${detail}`, { remedy: 'delete the build cache' });
  }
}

/** A layer's compressed stream cannot be read. */
export class LayerCompressionError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_LAYER_COMPRESSION';

  constructor(layer: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`layer ${layer}: ${detail}`, { remedy: REBUILD, ...options });
  }
}

/** A directory given as source cannot be read, or changed while it was. */
export class SourceTreeError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_SOURCE_TREE';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path}: ${detail}`, {
      remedy: 'give a directory that nothing writes to during the conversion',
      ...options,
    });
  }
}

/** Options that cannot be meant: impossible values, source and target the same. */
export class ConvertOptionsError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_OPTIONS';

  constructor(message: string, remedy: string) {
    super(message, { remedy });
  }
}

/** The source image is of a kind that is not converted: for Windows, encrypted, converted already. */
export class SourceKindError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_SOURCE_KIND';

  constructor(source: string, detail: string, remedy: string) {
    super(`${source}: ${detail}`, { remedy });
  }
}

/** Layers and configuration of the source image contradict each other. */
export class SourceImageError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_SOURCE_IMAGE';

  constructor(source: string, detail: string) {
    super(`${source}: ${detail}`, { remedy: 'the image is damaged: build or push it again' });
  }
}

/** A layer's archive is not the one the configuration names. */
export class LayerDiffIdError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_LAYER_DIFF_ID';

  constructor(layer: string, expected: string, found: string) {
    super(`layer ${layer} unpacks to ${found}, the configuration says ${expected}`, {
      remedy: REBUILD,
    });
  }
}

/** What was read back from the target is not what was written. */
export class ReadBackError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_READ_BACK';

  constructor(target: string, what: string) {
    super(`${target}: ${what} reads back differently from what was written`, {
      remedy: 'nothing was tagged; check the storage of the target and convert again',
    });
  }
}

/** An image given as chunk dictionary cannot be one for this conversion. */
export class ChunkDictError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_CHUNK_DICT';

  constructor(dictionary: string, detail: string, remedy: string) {
    super(`chunk dictionary ${dictionary}: ${detail}`, { remedy });
  }
}

/** The build cache cannot be read or written where it was asked for. */
export class BuildCacheError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_BUILD_CACHE';

  constructor(place: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`--build-cache ${place}: ${detail}`, {
      remedy: 'give a directory of its own, or leave --build-cache out',
      ...options,
    });
  }
}

/** A file an option names cannot be used: missing, not a regular file, too large. */
export class OptionFileError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_OPTION_FILE';

  constructor(option: string, path: string, detail: string, remedy: string) {
    super(`${option} ${path}: ${detail}`, { remedy });
  }
}

/** The disk for temporary files refused what a conversion keeps there for a while. */
export class TemporaryFileError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_TEMPORARY_FILE';

  constructor(directory: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`a temporary file in ${directory}: ${detail}`, {
      remedy:
        'free space there, name another directory by TMPDIR, or give a shorter list of what is read first',
      ...options,
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

/**
 * Every condition the converter reports, one class each. Codes are stable; callers test `code`.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

const REBUILD = 'the layer is damaged or was written by a faulty tool: build or push it again';

/** Where in which archive a tar error happened. */
export type TarPlace = {
  /** Printable name of the entry, or what was being read. */
  readonly entry: string;
  /** Byte offset of the entry's header in the uncompressed archive. */
  readonly offset: number;
};

abstract class TarError extends ShoalError {
  readonly place: TarPlace;

  constructor(place: TarPlace, detail: string, options: ShoalErrorOptions = {}) {
    super(`tar entry ${place.entry} at offset ${place.offset}: ${detail}`, {
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

/** The thread that hashes blobs died. */
export class DigestWorkerError extends ShoalError {
  override readonly code = 'ERR_CONVERTER_DIGEST_WORKER';

  constructor(options: ShoalErrorOptions = {}) {
    super('the hashing thread died', { retryable: true, ...options });
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

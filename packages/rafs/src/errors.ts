/**
 * Every condition the image format code reports, one class each. Codes are stable; callers test
 * `code`. Damaged, unsupported and foreign input are different conditions on purpose.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

const CONVERT_AGAIN = 'convert the image again, or pull it again if the download was damaged';

/** Bytes that break a rule of the format. `structure` names the field table in docs/format.md. */
export class RafsCorruptError extends ShoalError {
  override readonly code: string = 'ERR_RAFS_CORRUPT';
  readonly structure: string;

  constructor(structure: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${structure}: ${detail}`, { remedy: CONVERT_AGAIN, ...options });
    this.structure = structure;
  }
}

/** A structure reaches past the end of the bytes given. */
export class RafsTruncatedError extends RafsCorruptError {
  override readonly code: string = 'ERR_RAFS_TRUNCATED';
}

/** Input passes one of the maxima of `limits.ts`. */
export class RafsLimitError extends ShoalError {
  override readonly code = 'ERR_RAFS_LIMIT';
}

/** A valid image that uses a feature Shoal does not have. */
export class RafsUnsupportedError extends ShoalError {
  override readonly code = 'ERR_RAFS_UNSUPPORTED';

  constructor(structure: string, detail: string) {
    super(`${structure}: ${detail}`, {
      remedy: 'convert the image with shoal convert, which uses none of these features',
    });
  }
}

/** A RAFS v5 bootstrap, the format Nydus wrote before 2.2. */
export class RafsV5Error extends ShoalError {
  override readonly code = 'ERR_RAFS_V5';

  constructor() {
    super('the bootstrap is in the RAFS v5 format; Shoal reads RAFS v6', {
      remedy: 'convert the original image again with shoal convert',
    });
  }
}

/** A bootstrap of Nydus v3, whose format is plain EROFS with another blob layout. */
export class NydusV3Error extends ShoalError {
  override readonly code = 'ERR_RAFS_NYDUS_V3';

  constructor() {
    super('the bootstrap is in the Nydus v3 format; Shoal reads RAFS v6', {
      remedy: 'convert the original image again with shoal convert',
    });
  }
}

/** Bytes that are no bootstrap of any kind. */
export class NotRafsError extends ShoalError {
  override readonly code = 'ERR_RAFS_NOT_RAFS';

  constructor(detail: string) {
    super(`not a RAFS bootstrap: ${detail}`, { remedy: 'give a converted image' });
  }
}

/** The tree or the chunks handed to the writer cannot be expressed in the format. */
export class RafsInputError extends ShoalError {
  override readonly code = 'ERR_RAFS_INPUT';
}

/**
 * Every condition this package reports, one class each. Codes are stable; callers test `code`.
 * Messages name the host, path and digest; they never hold credentials or the query of a URL.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError, shellWord } from '@shoal/errors';
import { PLATFORMS_NAMED_MAX } from './limits.ts';

/** An error of an HTTP exchange: may say how long to wait before the next try. */
export abstract class ExchangeError extends ShoalError {
  /** Milliseconds the server asked to wait; undefined when it did not. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: ShoalErrorOptions & { retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Nobody answers: refused, no route, unknown host, no connection in time. */
export class UnreachableError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_UNREACHABLE';
}

/** The certificate, or the TLS handshake, is not acceptable. */
export class TlsError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_TLS';
}

/** The connection broke or went silent in the middle of an exchange. */
export class TransferError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_TRANSFER';
}

/** The server took a request or began an answer, and then said nothing any more. */
export class SilentServerError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_SILENT';
}

/** The server sends its answer, but so slowly that it would hold its reader for ever. */
export class SlowServerError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_SLOW';
}

/** The server answered with a status that is none of the expected ones. */
export class StatusError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_STATUS';
  readonly status: number;
  /** Whoever asks has waited for the server as long as he is willing to: nothing was sent. */
  readonly wasWaitedFor: boolean;

  constructor(
    message: string,
    status: number,
    options: ShoalErrorOptions & {
      readonly retryAfterMs?: number | undefined;
      readonly wasWaitedFor?: boolean | undefined;
    },
  ) {
    super(message, options);
    this.status = status;
    this.wasWaitedFor = options.wasWaitedFor ?? false;
  }
}

/** There is no such manifest, blob, tag or repository. */
export class NotFoundError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_NOT_FOUND';
}

/** The registry wants other credentials than there are. */
export class UnauthorizedError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_UNAUTHORIZED';
}

/** The credentials are known but may not do this. */
export class DeniedError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_DENIED';
}

/** An answer that is not what the protocol says. */
export class ProtocolError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_PROTOCOL';
}

/** A redirect that must not be followed. */
export class RedirectError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_REDIRECT';
}

/** A body or file passes one of the limits of `limits.ts`. */
export class BodyLimitError extends ExchangeError {
  override readonly code = 'ERR_REGISTRY_CLIENT_BODY_LIMIT';
}

const DAMAGED = 'the copy is damaged or was tampered with: pull it from elsewhere or push it again';

/** The bytes are not the ones the digest names. */
export class DigestMismatchError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_DIGEST';

  constructor(where: string, expected: string, actual: string) {
    super(`${where}: the bytes have digest ${actual} instead of ${expected}`, { remedy: DAMAGED });
  }
}

/** The content is longer or shorter than its descriptor says. */
export class SizeMismatchError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_SIZE';

  constructor(where: string, digest: string, expected: number, actual: string) {
    super(`${where}: ${digest} has ${actual} bytes instead of ${expected}`, { remedy: DAMAGED });
  }
}

/** A range that does not lie inside the blob, or is too long for one call. */
export class RangeRequestError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_RANGE';
}

/** A file on a web server is another one than when it was looked at first. */
export class WebFileChangedError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_WEB_FILE_CHANGED';

  constructor(where: string) {
    super(`${where}: changed on its server while it was read`, {
      remedy: 'run it again: it starts from the beginning',
    });
  }
}

/** A configuration, certificate or credential file that cannot be used. */
export class ClientConfigError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_CONFIG';
}

/** A `hosts.toml`, or a directory of certificates, that cannot be used. */
export class HostsFileError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_HOSTS_FILE';

  constructor(file: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`hosts file ${file}: ${detail}`, {
      remedy: 'correct the file, or take its directory out of config_path',
      ...options,
    });
  }
}

/** A `hosts.toml` names no server that may be asked for this. */
export class NoServerError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_NO_SERVER';

  constructor(registry: string, capability: string) {
    super(`${registry}: its hosts.toml names no server with the capability ${capability}`, {
      remedy: `add ${JSON.stringify(capability)} to the capabilities of one of its servers`,
    });
  }
}

/** A credential helper that is missing, fails or answers nonsense. */
export class CredentialHelperError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_CREDENTIAL_HELPER';
}

/** A directory that is not an OCI image layout. */
export class LayoutError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_LAYOUT';
}

/** A file that is not an image archive. */
export class ArchiveError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_ARCHIVE';
}

/** Several images where one was meant. */
export class AmbiguousTagError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_AMBIGUOUS';
}

/** A place that will not be written to. */
export class TargetRefusedError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_TARGET';
}

/** A file or directory that cannot be read or written. */
export class LocalFileError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_FILE';
}

/** A reference of a kind that cannot be opened this way. */
export class ReferenceKindError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_REFERENCE_KIND';
}

/** A writer or store that is used after its end. */
export class ClosedError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_CLOSED';

  constructor(what: string) {
    super(`${what} is closed`, { remedy: 'open it again' });
  }
}

/** The image is an ordinary one, but the command needs a converted one. */
export class NotConvertedError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_NOT_CONVERTED';

  constructor(image: string) {
    super(
      `${image} is not a converted image: neither it nor a referrer of it has a RAFS bootstrap`,
      {
        remedy: `convert it first: shoal convert --source ${shellWord(image)} --target <reference>`,
      },
    );
  }
}

/** The image is a converted one of another format version. */
export class ImageVersionError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_IMAGE_VERSION';

  constructor(image: string, version: string) {
    super(
      `${image} is a RAFS version ${JSON.stringify(version.slice(0, 16))} image, not version 6`,
      {
        remedy: 'convert the original image again with shoal convert',
      },
    );
  }
}

/** What was converted is not the whole image: layers were committed above it. */
export class LayersAboveError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_LAYERS_ABOVE';

  constructor(image: string) {
    super(`${image} has ordinary layers above its converted ones`, {
      remedy:
        'start it with containerd, which unpacks them, or build it on the original and convert',
    });
  }
}

/** The image is an ordinary one, and what refers to it cannot be asked for. */
export class ReferrersError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_REFERRERS';

  constructor(image: string, detail: string, options: ShoalErrorOptions) {
    super(
      `${image} is not a converted image itself, and its referrers cannot be read: ${detail}`,
      options,
    );
  }
}

/** An index has no manifest for the platform asked for, or a manifest is for another one. */
export class PlatformMissingError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING';

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

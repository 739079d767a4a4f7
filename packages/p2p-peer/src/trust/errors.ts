/**
 * What is wrong with certificates and tokens. No message holds a key, a token or a part of one:
 * they are read where messages of many hosts come together.
 */
import { ShoalError } from '@shoal/errors';
import { quoted } from '@shoal/oci';

/** The certificate authority is not there, or something is in its place. */
export class AuthorityError extends ShoalError {
  override readonly code = 'ERR_P2P_AUTHORITY';

  constructor(directory: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super(`${quoted(directory)} is no certificate authority: ${detail}`, {
      remedy: 'make one with shoal ca init, or name the directory of one',
      ...options,
    });
  }
}

/** A file that would be written is there already. */
export class TrustFileExistsError extends ShoalError {
  override readonly code = 'ERR_P2P_TRUST_FILE_EXISTS';

  constructor(file: string) {
    super(`${quoted(file)} exists and is not overwritten`, {
      remedy:
        'name another directory, or give --force to replace what is there; certificates of an authority that is replaced are worthless',
    });
  }
}

/** A certificate was asked for that cannot be issued. */
export class CertificateRequestError extends ShoalError {
  override readonly code = 'ERR_P2P_CERTIFICATE_REQUEST';

  constructor(detail: string) {
    super(`no certificate can be issued: ${detail}`, {
      remedy: 'give a host, a role (peer, seed or tracker), names or addresses, and 1 to 3650 days',
    });
  }
}

/** Files of certificates and keys that cannot be used. */
export class IdentityFilesError extends ShoalError {
  override readonly code = 'ERR_P2P_IDENTITY_FILES';

  constructor(file: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super(`${quoted(file)} ${detail}`, {
      remedy:
        'give PEM files of the authority, the certificate and its key, as shoal ca issue writes them',
      ...options,
    });
  }
}

/** A key to sign or check tokens with that cannot be used. */
export class TokenKeyError extends ShoalError {
  override readonly code = 'ERR_P2P_TOKEN_KEY';

  constructor(detail: string, options: { readonly cause?: unknown } = {}) {
    super(`not a key for tokens: ${detail}`, {
      remedy:
        'give token.key to trackers and token.pub to every host, as shoal ca init writes them',
      ...options,
    });
  }
}

/** A grant that no token can carry, or text that names no repositories. */
export class GrantError extends ShoalError {
  override readonly code = 'ERR_P2P_GRANT';

  constructor(detail: string) {
    super(`no token can carry this grant: ${detail}`, {
      remedy: 'name repositories as registry/name, registry/prefix/* or *',
    });
  }
}

/** Text that is not a token. */
export class TokenMalformedError extends ShoalError {
  override readonly code = 'ERR_P2P_TOKEN_MALFORMED';

  constructor(detail: string) {
    super(`not a token: ${detail}`, { remedy: 'the host has to ask its tracker for a new one' });
  }
}

/** A token that none of our trackers has signed. */
export class TokenSignatureError extends ShoalError {
  override readonly code = 'ERR_P2P_TOKEN_SIGNATURE';

  constructor() {
    super('the signature of a token is not by any of the known keys', {
      remedy: 'give every host the token.pub of all trackers that sign',
    });
  }
}

/** A token whose time is over. */
export class TokenExpiredError extends ShoalError {
  override readonly code = 'ERR_P2P_TOKEN_EXPIRED';

  constructor(expiredSinceMs: number) {
    super(`a token expired ${Math.round(expiredSinceMs / 1000)} s ago`, {
      remedy: 'see whether its host reaches a tracker, and whether the clocks agree',
      retryable: true,
    });
  }
}

/** A token whose time has not come. */
export class TokenNotYetError extends ShoalError {
  override readonly code = 'ERR_P2P_TOKEN_NOT_YET';

  constructor(validInMs: number) {
    super(`a token becomes valid in ${Math.round(validInMs / 1000)} s only`, {
      remedy: 'see whether the clocks of hosts and trackers agree',
      retryable: true,
    });
  }
}

/** A token of another host than the one that shows it. */
export class TokenOtherHostError extends ShoalError {
  override readonly code = 'ERR_P2P_TOKEN_OTHER_HOST';

  constructor(host: string) {
    super(`host ${quoted(host)} shows a token of another host`, {
      remedy: 'find out how it came by it',
    });
  }
}

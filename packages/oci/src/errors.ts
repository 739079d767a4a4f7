/**
 * Every condition this package reports, one class each. Codes are stable; callers test `code`.
 */
import { ShoalError } from '@shoal/errors';

const SHOWN_LENGTH_MAX = 200;

/** Text of a stranger as it may stand in a message: quoted, control characters escaped, cut. */
export function quoted(text: string): string {
  const shown = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}...` : text;
  return JSON.stringify(shown).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Text that is not a digest. */
export class DigestSyntaxError extends ShoalError {
  override readonly code = 'ERR_OCI_DIGEST';

  constructor(text: string) {
    super(`${quoted(text)} is not a digest`, {
      remedy: 'a digest looks like sha256: followed by 64 lowercase hexadecimal digits',
    });
  }
}

/** Text that is not the address of a server with its port. */
export class HostPortSyntaxError extends ShoalError {
  override readonly code = 'ERR_OCI_HOST_PORT';

  constructor(text: string, detail: string) {
    super(`${quoted(text)} is no address: ${detail}`, {
      remedy: 'write for example 127.0.0.1:4001 or [::1]:4001',
    });
  }
}

/** Text that is not the name of a RAFS blob. */
export class BlobIdSyntaxError extends ShoalError {
  override readonly code = 'ERR_OCI_BLOB_ID';

  constructor(text: string) {
    super(`${quoted(text)} is not a blob id`, {
      remedy: 'a blob id is 64 lowercase hexadecimal digits',
    });
  }
}

/** Text that is not an image reference. */
export class ReferenceSyntaxError extends ShoalError {
  override readonly code = 'ERR_OCI_REFERENCE';

  constructor(text: string, detail: string) {
    const shown = withoutSecrets(text);
    const hasSecrets = shown !== text;
    const why = hasSecrets ? 'it holds credentials' : detail;
    super(`${quoted(shown)} is not an image reference: ${why}`, {
      remedy: hasSecrets
        ? 'leave them out and store them with docker login'
        : 'write host/name:tag, host/name@sha256:..., oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or dir:PATH',
    });
  }
}

/** `scheme://user:password@host/name?query` with user, password and query blotted out. */
function withoutSecrets(text: string): string {
  if (/^(?:oci|oci-archive|docker-archive|dir):(?!\/\/)/.test(text)) return text;
  const digest = /@sha\d+:[^@]*$/.exec(text)?.[0] ?? '';
  const at = text.slice(0, text.length - digest.length).lastIndexOf('@');
  const scheme = /^[a-z]+:\/\//.exec(text)?.[0] ?? '';
  const rest = at === -1 ? text : `${scheme}***${text.slice(at)}`;
  return rest.replace(/\?.*$/s, '?***');
}

/** Text that is not a platform. */
export class PlatformSyntaxError extends ShoalError {
  override readonly code = 'ERR_OCI_PLATFORM';

  constructor(text: string) {
    super(`${quoted(text)} is not a platform`, {
      remedy: 'write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, for example linux/arm64/v8',
    });
  }
}

/** A manifest, index or configuration that is not what the specification says. */
export class DocumentError extends ShoalError {
  override readonly code = 'ERR_OCI_DOCUMENT';

  constructor(what: string, detail: string) {
    super(`${what}: ${detail}`, {
      remedy: 'the image is damaged or of an unknown kind: push it again with a current tool',
    });
  }
}

/** A document of a kind that is known but not supported (Docker schema 1). */
export class DocumentKindError extends ShoalError {
  override readonly code = 'ERR_OCI_DOCUMENT_KIND';

  constructor(what: string, kind: string) {
    super(`${what}: ${quoted(kind)} is not supported`, {
      remedy: 'push the image again as an OCI image or Docker schema 2',
    });
  }
}

/** A document that passes one of the limits of `limits.ts`. */
export class DocumentLimitError extends ShoalError {
  override readonly code = 'ERR_OCI_DOCUMENT_LIMIT';

  constructor(what: string, detail: string) {
    super(`${what}: ${detail}`, {
      remedy: 'no sound image is this large: check where it came from',
    });
  }
}

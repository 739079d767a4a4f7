/**
 * Every condition this package reports but those of wire/, tracker/, trust/ and discovery/, one class each.
 * Codes are stable; callers test `code`.
 */
import { ShoalError, type ShoalErrorOptions } from '@shoal/errors';
import { quoted } from '@shoal/oci';

/** Text that is not the id of a peer. */
export class PeerIdSyntaxError extends ShoalError {
  override readonly code = 'ERR_P2P_PEER_ID';

  constructor(text: string) {
    super(`${quoted(text)} is not the id of a peer`, {
      remedy: 'an id is 40 lowercase hexadecimal digits',
    });
  }
}

/** Text that is not the id of a swarm. */
export class SwarmIdSyntaxError extends ShoalError {
  override readonly code = 'ERR_P2P_SWARM_ID';

  constructor(text: string) {
    super(`${quoted(text)} is not the id of a swarm`, {
      remedy: 'an id is 40 lowercase hexadecimal digits',
    });
  }
}

/** Text that no host can be called. */
export class HostNameSyntaxError extends ShoalError {
  override readonly code = 'ERR_P2P_HOST_NAME';

  constructor(text: string) {
    super(`${quoted(text)} is not the name of a host`, {
      remedy: 'a name has letters, digits, dots, underscores and hyphens, at most 253',
    });
  }
}

/** Two offsets between which no bytes lie. */
export class ByteRangeError extends ShoalError {
  override readonly code = 'ERR_P2P_BYTE_RANGE';

  constructor(start: number, end: number) {
    super(`${start} to ${end} is not a range of bytes`, {
      remedy: 'a range starts at 0 or later and ends behind its start, both whole numbers',
    });
  }
}

/** More pieces of a blob than one set of ranges may have. */
export class TooManyRangesError extends ShoalError {
  override readonly code = 'ERR_P2P_RANGES_MAX';

  constructor(rangesMax: number) {
    super(`a set of ranges would have more than ${rangesMax}`, {
      remedy: 'read larger pieces of the blob, or all of it',
    });
  }
}

/** Bytes from a peer or a record that are not a set of ranges. */
export class RangeSetFormatError extends ShoalError {
  override readonly code = 'ERR_P2P_RANGE_SET_FORMAT';

  constructor(problem: string) {
    super(`a set of ranges does not decode: ${problem}`, {
      remedy: 'whoever wrote it is of another version, or out of order',
    });
  }
}

/** Bytes that are not bencoded as BEP 3 says. */
export class BencodeError extends ShoalError {
  override readonly code = 'ERR_P2P_BENCODE';

  constructor(problem: string) {
    super(`bencoded bytes are wrong: ${problem}`, {
      remedy: 'whoever wrote them is out of order; a torrent can be made again by converting again',
    });
  }
}

/** A torrent that is not that of a blob. */
export class MetainfoError extends ShoalError {
  override readonly code = 'ERR_P2P_METAINFO';

  constructor(problem: string, options: { readonly cause?: unknown } = {}) {
    super(`not a torrent of a blob: ${problem}`, {
      ...options,
      remedy: 'use the torrent that was published with the image, or convert it again',
    });
  }
}

/** Text that is not the magnet link of a blob. */
export class MagnetSyntaxError extends ShoalError {
  override readonly code = 'ERR_P2P_MAGNET';

  constructor(text: string, options: { readonly cause?: unknown } = {}) {
    super(`${quoted(text)} is not the magnet link of a blob`, {
      ...options,
      remedy: 'a link has an infohash (xt), a blob (dn) and its size (xl), each once',
    });
  }
}

/** The directory of a store cannot be used: not ours, a link, of something else, of another version. */
export class StoreDirectoryError extends ShoalError {
  override readonly code = 'ERR_P2P_STORE_DIRECTORY';

  constructor(directory: string, problem: string, options: ShoalErrorOptions = {}) {
    super(`${directory} cannot hold the bytes of blobs: ${problem}`, {
      remedy: 'give the store a directory of its own',
      ...options,
    });
  }
}

/** Two processes at one store. */
export class StoreLockedError extends ShoalError {
  override readonly code = 'ERR_P2P_STORE_LOCKED';

  constructor(directory: string, options: ShoalErrorOptions = {}) {
    super(`the store in ${directory} is in use by another process`, {
      remedy: 'stop the other one, or give this one a directory of its own',
      ...options,
    });
  }
}

/** A record of a store that does not decode; what it told of counts as not there. */
export class StoreRecordError extends ShoalError {
  override readonly code = 'ERR_P2P_STORE_RECORD';

  constructor(key: string, problem: string, options: ShoalErrorOptions = {}) {
    super(`record ${key} of the store does not decode: ${problem}`, {
      remedy: 'nothing needs to be done: what it told of is fetched again',
      ...options,
    });
  }
}

/** A file of a store that is not the one that was written; its blob counts as not there. */
export class StoreFileError extends ShoalError {
  override readonly code = 'ERR_P2P_STORE_FILE';

  constructor(path: string, problem: string) {
    super(`${path} is not what the store has written: ${problem}`, {
      remedy: 'nothing needs to be done: the blob is fetched again',
    });
  }
}

/** A blob that is said to have another size than the stored one, or one that no blob has. */
export class StoredBlobSizeError extends ShoalError {
  override readonly code = 'ERR_P2P_STORED_BLOB_SIZE';

  constructor(blobId: string, sizeBytes: number, problem: string) {
    super(`blob ${blobId} cannot be stored with ${sizeBytes} bytes: ${problem}`, {
      remedy: 'see which manifest tells this size; the blob can be read without the store',
    });
  }
}

/** A store that was closed, or has more blobs than it may. */
export class StoreUnusableError extends ShoalError {
  override readonly code = 'ERR_P2P_STORE_UNUSABLE';

  constructor(directory: string, problem: string, options: ShoalErrorOptions = {}) {
    super(`the store in ${directory} ${problem}`, {
      remedy: 'the blob can be read without the store',
      ...options,
    });
  }
}

/** A host was asked for bytes that it neither holds nor fetches for others. */
export class PeerUnavailableError extends ShoalError {
  override readonly code = 'ERR_P2P_PEER_UNAVAILABLE';

  constructor(
    { start, end }: { readonly start: number; readonly end: number },
    options: { readonly cause?: unknown } = {},
  ) {
    super(`bytes ${start} to ${end} are not here, and this host does not get them for others`, {
      ...options,
      remedy: 'others are asked, or the registry',
      retryable: true,
    });
  }
}

/** The certificate of this host is none of a host. */
export class PeerIdentityError extends ShoalError {
  override readonly code = 'ERR_P2P_PEER_IDENTITY';

  constructor(directory: string) {
    super(`the certificate in ${quoted(directory)} names no host that shares blobs`, {
      remedy: 'make one with `shoal ca issue --role peer`',
    });
  }
}

/** A peer that is being closed was asked for something. */
export class PeerClosedError extends ShoalError {
  override readonly code = 'ERR_P2P_PEER_CLOSED';

  constructor() {
    super('this host shares nothing any more', { retryable: true });
  }
}

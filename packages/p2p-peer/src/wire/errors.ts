/** What can go wrong on a wire. No message holds a token or bytes of a blob. */
import { ShoalError } from '@shoal/errors';
import { quoted } from '@shoal/oci';

/** The other side of a wire broke the rules of the protocol. */
export class WireProtocolError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_PROTOCOL';

  constructor(problem: string) {
    super(`a peer broke the protocol: ${problem}`, {
      remedy:
        'the wire is closed; a peer that does so again is out of order, or of another version',
    });
  }
}

/** The other side of a wire sent or asked for more than it may. */
export class WireLimitError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_LIMIT';

  constructor(what: string, value: number, valueMax: number) {
    super(`a peer went beyond a limit: ${what} is ${value}, at most ${valueMax} is allowed`, {
      remedy:
        'the wire is closed; a peer that does so again is out of order, or of another version',
    });
  }
}

/** The other side of a wire is not who it says, or may not read what the wire is for. */
export class WireUntrustedError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_UNTRUSTED';
  /** What of it is not believed. */
  readonly about: 'identity' | 'token';

  constructor(
    problem: string,
    {
      about = 'identity',
      ...options
    }: { readonly cause?: unknown; readonly about?: 'identity' | 'token' } = {},
  ) {
    super(`a peer is not trusted: ${problem}`, {
      remedy: 'see whether its certificate and token are of this cluster, and up to date',
      ...options,
    });
    this.about = about;
  }
}

/** One who came to a port of ours is trusted, but gets nothing. */
export class WireRefusedError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_REFUSED';

  constructor(why: string) {
    super(`a peer is sent away: ${why}`, { remedy: 'it asks others', retryable: true });
  }
}

/** Nobody answers where a peer should be. */
export class WireDialError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_DIAL';

  constructor(address: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super(`no wire to ${quoted(address)}: ${detail}`, {
      remedy: 'see whether that host runs and its peer port can be reached',
      retryable: true,
      ...options,
    });
  }
}

/** A peer took longer than it may. */
export class WireTimeoutError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_TIMEOUT';

  constructor(what: string, timeoutMs: number) {
    super(`a peer did not ${what} within ${timeoutMs} ms`, {
      remedy: 'it is busy or gone: others are asked',
      retryable: true,
    });
  }
}

/** The wire is closed, so nothing can be asked or answered on it. */
export class WireClosedError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_CLOSED';

  constructor(options: { readonly cause?: unknown } = {}) {
    super('the wire to a peer is closed', {
      remedy: 'others are asked, or the peer again on a new wire',
      retryable: true,
      ...options,
    });
  }
}

/** The peer will not, or cannot now, send what it was asked for. */
export class WireRejectedError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_REJECTED';

  constructor(offset: number, length: number) {
    super(`a peer does not send bytes ${offset} to ${offset + length}`, {
      remedy: 'others are asked',
      retryable: true,
    });
  }
}

/** The peer neither holds what it was asked for nor fetches it for others. */
export class WireUnavailableError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_UNAVAILABLE';

  constructor(offset: number, length: number) {
    super(
      `a peer does not have bytes ${offset} to ${offset + length}, and fetches them for nobody`,
      {
        remedy: 'others are asked',
        retryable: true,
      },
    );
  }
}

/** A request that no wire can carry: our own mistake. */
export class WireRequestError extends ShoalError {
  override readonly code = 'ERR_P2P_WIRE_REQUEST';

  constructor(offset: number, length: number, problem: string) {
    super(`no wire can carry a request for ${length} bytes at ${offset}: ${problem}`, {
      remedy: 'ask for blocks of one piece, inside the blob',
    });
  }
}

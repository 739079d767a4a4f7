/**
 * Every condition this package reports, one class each. Codes are stable; callers test `code`.
 * Messages name upstream, repository and digest; they never hold an authorization.
 */
import { ShoalError } from '@shoal/errors';

/** Upstreams that cannot be meant: a name twice, an address that is no URL. */
export class ProxyConfigError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_CONFIG';
}

/** The address of the proxy cannot be listened at. */
export class ProxyListenError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_LISTEN';
}

/** An upstream said nothing in the time there is. */
export class UpstreamTimeoutError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_TIMEOUT';

  constructor(where: string, timeoutMs: number) {
    super(`${where}: no answer within ${timeoutMs} milliseconds`, {
      retryable: true,
      remedy: 'check the network and the load of the registry',
    });
  }
}

/** An upstream failed a moment ago; it is not asked again yet. */
export class UpstreamRestError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_REST';

  constructor(upstream: string) {
    super(`${upstream}: did not answer a moment ago`, {
      retryable: true,
      remedy: 'check the network and the load of the registry',
    });
  }
}

/** So much is asked of an upstream already that nothing more is taken on. */
export class ProxyBusyError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_BUSY';

  constructor(upstream: string) {
    super(`${upstream}: too much is being asked for at this moment`, {
      retryable: true,
      remedy: 'try again, or run another proxy beside this one',
    });
  }
}

/** What an upstream or a source of blobs gave is not what the digest names. */
export class WrongContentError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_DIGEST';

  constructor(where: string, expected: string) {
    super(`${where}: the content does not have the digest ${expected}`, {
      remedy: 'the copy is damaged or was tampered with: push it again',
    });
  }
}

/** The client went away, or took nothing for too long. */
export class ClientGoneError extends ShoalError {
  override readonly code = 'ERR_REGISTRY_PROXY_CLIENT_GONE';

  constructor() {
    super('the client is gone', { remedy: 'none is needed' });
  }
}

/**
 * Every condition this package reports, one class each. Codes are stable; callers test `code`.
 */
import { ShoalError } from '@shoal/errors';
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

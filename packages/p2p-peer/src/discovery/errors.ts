/** What goes wrong where hosts are found by DNS. */
import { ShoalError } from '@shoal/errors';
import { quoted } from '@shoal/oci';

/** Text that cannot be looked up. */
export class DiscoveryNameError extends ShoalError {
  override readonly code = 'ERR_P2P_DISCOVERY_NAME';

  constructor(problem: string) {
    super(problem, {
      remedy:
        'write the full name of the service, such as shoal-peers.shoal.svc.cluster.local:4010',
    });
  }
}

/** A name that gives no addresses; the hosts that were known stay known. */
export class DiscoveryLookupError extends ShoalError {
  override readonly code = 'ERR_P2P_DISCOVERY_LOOKUP';

  constructor(service: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super(`no hosts are found as ${quoted(service)}: ${detail}`, {
      remedy: 'see whether the name is complete and the DNS server knows it; reads go on without',
      retryable: true,
      ...options,
    });
  }
}

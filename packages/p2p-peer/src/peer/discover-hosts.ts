/** Hosts that are found by the DNS names of services, where the options name any: without a tracker. */
import { HostDiscovery } from '../discovery/host-discovery.ts';
import { parseServiceName } from '../discovery/service-name.ts';
import { ServiceResolver } from '../discovery/service-resolver.ts';
import type { ListedHosts } from '../hosts/listed-hosts.ts';
import type { HostFacts } from '../identity/host.ts';
import { askHost } from '../wire/handshakes/ask-host.ts';
import type { DiscoveryOptions, PeerComponents } from './peer-options.ts';
import type { PeerTrust } from './peer-trust.ts';

/** Goes on until it is closed. */
export function discoverHosts(
  { services, intervalMs, servers }: DiscoveryOptions,
  { trust, self, listed, onProblem }: DiscoverNeed,
): HostDiscovery {
  return new HostDiscovery({
    ...{ services: services.map(parseServiceName), intervalMs, own: () => self },
    resolver: new ServiceResolver({ servers }),
    ask: (address, signal) => askHost(address, { trust, signal }),
    onHosts: (hosts) => listed.discovered(hosts),
    ...(onProblem === undefined ? {} : { onProblem }),
  });
}

type DiscoverNeed = Pick<PeerComponents, 'onProblem'> & {
  readonly trust: PeerTrust;
  readonly self: HostFacts;
  readonly listed: ListedHosts;
};

/** What `shoal status` says of sharing with other hosts. */
import type { PeerStatus } from '@shoal/p2p-peer';
import { formatBytes } from '../quantity-text.ts';

export function peerLines({ self, hosts, hasToken, wires, traffic, store }: PeerStatus): string[] {
  const from = [
    `${formatBytes(traffic.store)} held here`,
    `${formatBytes(traffic.rack + traffic.zone + traffic.other)} from hosts`,
    `${formatBytes(traffic.origin)} from registries`,
    `${formatBytes(traffic.upload)} sent to hosts`,
  ];
  return [
    `${self.role} ${self.host} at ${self.address}: ${hosts} hosts known, ${wires} wires; ` +
      `${from.join(', ')}; store ${formatBytes(store.bytes)} of ${store.blobs} blobs`,
    ...(hasToken ? [] : ['no token: no tracker gives this host one, so nobody talks to it']),
  ];
}

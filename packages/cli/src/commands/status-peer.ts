/** What `shoal status` says of sharing with other hosts. */
import type { PeerStatus, PlainStatus } from '@shoal/p2p-peer';
import { formatBytes } from '../quantity-text.ts';

const NO_TOKEN =
  'no token: no tracker gives this host one, so nobody talks to it (when that lasts: peer-tracker-... in the log says why)';

export function peerLines(status: PeerStatus): string[] {
  const { self, hosts, hasToken, wires, traffic, store, plain } = status;
  const from = [
    `${formatBytes(traffic.store)} held here`,
    `${formatBytes(traffic.rack + traffic.zone + traffic.other)} from hosts`,
    `${formatBytes(traffic.origin)} from registries`,
    `${formatBytes(traffic.upload)} sent to hosts`,
  ];
  // Stored uncompressed: it lies there as it is sent.
  const lent = store.bytesLent > 0 ? `, and ${formatBytes(store.bytesLent)} of the cache` : '';
  return [
    `${self.role} ${self.host} at ${self.address}: ${hosts} hosts known, ${wires} wires; ` +
      `${from.join(', ')}; store ${formatBytes(store.bytes)} of ${store.blobs} blobs${lent}`,
    ...(hasToken ? [] : [NO_TOKEN]),
    ...(plain === undefined ? [] : plainLines(plain)),
  ];
}

/** The torrents by their infohashes: clients find them by those. */
function plainLines({ port, wires, offered, refused, blobs, bytesSent }: PlainStatus): string[] {
  const more = offered - blobs.length;
  return [
    `standard clients at port ${port}: ${wires} wires, ${formatBytes(bytesSent)} sent, ` +
      `${offered} public blobs with a torrent, ${refused} blobs not public`,
    ...blobs.map(
      ({ blobId, infohash, repository, sizeBytes, heldBytes }) =>
        `  ${blobId.slice(0, 12)} of ${repository}: infohash ${infohash}, ` +
        `${formatBytes(heldBytes)} of ${formatBytes(sizeBytes)} held`,
    ),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

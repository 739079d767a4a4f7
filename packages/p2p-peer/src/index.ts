/** Hosts share the stored bytes of blobs with each other over the BitTorrent wire. */
export * from './errors.ts';
export { type HostFacts, type HostName, type HostRole, parseHostName } from './identity/host.ts';
export { type PeerId, peerIdOf } from './identity/peer-id.ts';
export { openPeer } from './peer/open-peer.ts';
export type { Peer, PeerStatus } from './peer/peer.ts';
export type { DiscoveryOptions, PeerComponents, PeerOptions } from './peer/peer-options.ts';
export type { WarmCall, WarmImage } from './peer/preheats.ts';
export type { PlainStatus } from './plain/plain-port.ts';
export type { PlainOptions } from './plain/plain-side.ts';
export type { PublicOrigin } from './plain/public-origin.ts';
export type { ByteRange } from './ranges/byte-range.ts';
export type { BlobPlace, ImageBlob, SharedImage } from './store/shared-images.ts';
export type { StoreEvent, StoreEventKind } from './store/store-event.ts';
export type { HomeOrigin, HomeOriginOf } from './swarm/home-reads.ts';
export { PreheatOrders, type PreheatOrdersOptions } from './tracker/client/preheat-orders.ts';
export { TrackerClient, type TrackerClientOptions } from './tracker/client/tracker-client.ts';
export type { PreheatOrder, PreheatProgress } from './tracker/host-report.ts';
export { JsonLinesWireLog } from './wire/wire-log.ts';

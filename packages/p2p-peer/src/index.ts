/** Hosts share the stored bytes of blobs with each other over the BitTorrent wire. */
export * from './errors.ts';
export * from './identity/host.ts';
export * from './identity/peer-id.ts';
export * from './identity/swarm-id.ts';
export * from './ranges/byte-range.ts';
export * from './ranges/range-codec.ts';
export * from './ranges/range-set.ts';
export { type Cursor, readVarint, varintBytes, writeVarint } from './ranges/varint.ts';
export * from './torrent/index.ts';

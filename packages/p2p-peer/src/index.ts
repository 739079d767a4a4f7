/** Hosts share the stored bytes of blobs with each other over the BitTorrent wire. */
export * from './errors.ts';
export * from './identity/host.ts';
export * from './identity/peer-id.ts';
export * from './identity/swarm-id.ts';

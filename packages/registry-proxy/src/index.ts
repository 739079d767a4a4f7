/** The pull side of a registry in front of others, over any source of blobs. */
export type { ByteOrigin } from './answer/reply.ts';
export type { BlobSourceFactory, BlobSourceRequest } from './blobs/source-shelf.ts';
export * from './errors.ts';
export type { ProxyEvent } from './proxy-event.ts';
export { RegistryProxy, type RegistryProxyOptions } from './registry-proxy.ts';
export type { AuthMode, UpstreamOptions } from './upstream/upstream-options.ts';

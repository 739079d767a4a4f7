/**
 * Reads and writes images in registries, OCI layout directories and archives through one interface.
 */
export { createRegistryClient, type RegistryClient } from './client.ts';
export {
  type AccessRecord,
  EmbeddedRegistry,
  type EmbeddedRegistryOptions,
} from './embedded/embedded-registry.ts';
export type {
  BlobIdentity,
  BlobWriter,
  CallOptions,
  ImageStore,
  ImageTarget,
  WriteManifestOptions,
} from './image-store.ts';
export { openSource, openTarget } from './open.ts';
export type { ClientOptions, RequestEvent, RetryOptions, TimeoutOptions } from './options.ts';
export { isSameReference } from './same-reference.ts';

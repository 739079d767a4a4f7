/**
 * Reads and writes images in registries, OCI layout directories and archives through one interface.
 */
export type { AuthenticationEvent } from './auth/authentication-event.ts';
export type {
  CredentialPlace,
  CredentialQuestion,
  CredentialSource,
  Credentials,
} from './auth/credential-source.ts';
export { DockerCredentials } from './auth/docker-config.ts';
export { KubeletCredentials } from './auth/kubelet-credentials.ts';
export { StaticCredentials, type StaticRegistry } from './auth/static-credentials.ts';
export { createRegistryClient } from './client.ts';
export * from './errors.ts';
export type { RequestEvent } from './http/http-options.ts';
export type {
  BlobWriter,
  BytesListener,
  CallOptions,
  ImageStore,
  ImageTarget,
  RangeOptions,
  RegistryClient,
} from './image-store.ts';
export { openSource, openTarget } from './open.ts';
export type { ClientOptions } from './options.ts';
export { isPathWithin, isSameReference } from './same-reference.ts';
export { type ConvertedSelection, findConvertedImage } from './select/find-converted-image.ts';
export { imagesBelow } from './select/images-of-index.ts';
export { readConfig, readDocument } from './select/read-document.ts';
export {
  listPlatforms,
  type Preference,
  type Selection,
  selectManifest,
} from './select/select-manifest.ts';
export { collectBounded } from './verify.ts';
export { openWebFile } from './web/open-web-file.ts';
export type { WebFile, WebReadOptions } from './web/web-file.ts';

/**
 * A client of registries: connections, credentials and tokens shared by the stores opened with it.
 */
import type { RegistryReference } from '@shoal/oci';
import type { ImageStore, ImageTarget } from './image-store.ts';
import type { ClientOptions } from './options.ts';

export interface RegistryClient extends AsyncDisposable {
  openSource(reference: RegistryReference): Promise<ImageStore>;
  openTarget(reference: RegistryReference): Promise<ImageTarget>;
  /** Closes every connection; idempotent. */
  close(): Promise<void>;
}

export function createRegistryClient(_options: ClientOptions): RegistryClient {
  throw new Error('not there yet');
}

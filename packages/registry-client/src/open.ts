/**
 * Opens whatever a reference names behind one interface.
 */
import type { ImageReference } from '@shoal/oci';
import type { ImageStore, ImageTarget } from './image-store.ts';
import type { ClientOptions } from './options.ts';

export function openSource(
  _reference: ImageReference,
  _options: ClientOptions,
): Promise<ImageStore> {
  throw new Error('not there yet');
}

export function openTarget(
  _reference: ImageReference,
  _options: ClientOptions,
): Promise<ImageTarget> {
  throw new Error('not there yet');
}

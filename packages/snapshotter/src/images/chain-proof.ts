/**
 * Whether a layer that is not fetched has the chain id it is wanted for. containerd compares what it
 * unpacks with the image's configuration, and does not when we say that a layer is there: a stranger's
 * configuration may name the layers of any image.
 */
import { chainId, type Digest } from '@shoal/oci';
import type { LayerRequest } from '../snapshots/lazy-layers.ts';
import { ImageLabel } from './image-labels.ts';

/**
 * `diffId` is the layer's own; undefined: unknown, nothing is proven. The parent's chain id is the last
 * part of its name: of one that was unpacked containerd has compared it, of one that was skipped we have.
 */
export function hasChainId(
  { labels, parents }: Pick<LayerRequest, 'labels' | 'parents'>,
  diffId: Digest | undefined,
): boolean {
  if (diffId === undefined) return false;
  const parent = parents[0]?.name.split('/').at(-1);
  return labels[ImageLabel.target] === chainId(parent, diffId);
}

/**
 * What a layer is that containerd is about to unpack, by its labels alone.
 */
import type { Digest } from '@shoal/oci';
import type { Labels } from '../snapshots/lazy-layers.ts';
import { type ImageAddress, ImageLabel, parseLayerLabels } from './image-labels.ts';

export type LayerKind =
  /** Data of a converted image: chunks are fetched one by one, the layer never. */
  | {
      readonly kind: 'data';
      readonly imageRef: string | undefined;
      readonly layerDigest: Digest | undefined;
    }
  /** The metadata of a converted image. */
  | {
      readonly kind: 'bootstrap';
      readonly imageRef: string | undefined;
      /** Undefined when the labels do not say which image it is. */
      readonly image: ImageAddress | undefined;
      readonly layerDigest: Digest | undefined;
    }
  /** A layer of an ordinary image, which a converted one may stand for. */
  | {
      readonly kind: 'original';
      readonly imageRef: string;
      readonly image: ImageAddress;
      readonly layerDigest: Digest;
      readonly isTopmost: boolean;
    }
  /** Nothing but unpacking is possible. */
  | { readonly kind: 'ordinary'; readonly imageRef: string | undefined; readonly reason: string };

export const Reason = {
  fetchedFirst:
    'the client fetched every layer before it asked (as ctr of containerd 1.6 does); pull through CRI, or with a client that docs/containerd.md names',
  noLabels:
    'the client does not say which image a layer belongs to; turn snapshot annotations on (disable_snapshot_annotations = false)',
  notRegistry: 'the name of the image is not one of a registry',
  incomplete: 'the labels name no manifest or no layer',
  notCompared: 'it is not known what the fetched metadata unpack to: containerd compares it',
  otherChain:
    "the image's configuration names other layers than its manifest; convert the image again if you trust it",
  turnedOff: 'converted images of this name are not looked for (find_converted)',
} as const;

export function layerKindOf(labels: Labels): LayerKind {
  const { image, imageRef, layerDigest, isTopmost, nydus } = parseLayerLabels(labels);
  const ordinary = (reason: string) => ({ kind: 'ordinary', imageRef, reason }) as const;
  if (labels[ImageLabel.target] === undefined) return ordinary(Reason.fetchedFirst);
  if (nydus === 'data-blob') return { kind: 'data', imageRef, layerDigest };
  if (nydus === 'bootstrap') return { kind: 'bootstrap', imageRef, image, layerDigest };
  if (imageRef === undefined) return ordinary(Reason.noLabels);
  if (image === undefined || layerDigest === undefined) {
    const isNamed = labels[ImageLabel.manifestDigest] !== undefined && layerDigest !== undefined;
    return ordinary(isNamed ? Reason.notRegistry : Reason.incomplete);
  }
  return { kind: 'original', imageRef, image, layerDigest, isTopmost };
}

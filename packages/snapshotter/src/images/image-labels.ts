/**
 * The labels that tell the snapshotter which image a layer belongs to, and what the layer is.
 * containerd's clients set the `cri.` ones, the image's annotations become the `nydus-` ones, and the
 * unpacker adds the wanted chain id. Whatever does not parse counts as absent.
 */
import {
  type Digest,
  isDigest,
  NydusAnnotation,
  parseReference,
  type RegistryReference,
} from '@shoal/oci';
import type { Labels } from '../snapshots/lazy-layers.ts';

export const ImageLabel = {
  /** Chain id that the unpacker wants to see committed. */
  target: 'containerd.io/snapshot.ref',
  /** The name that is pulled. */
  imageRef: 'containerd.io/snapshot/cri.image-ref',
  manifestDigest: 'containerd.io/snapshot/cri.manifest-digest',
  layerDigest: 'containerd.io/snapshot/cri.layer-digest',
  /** Digests of this and the following layers; cut off where a label would become too long. */
  imageLayers: 'containerd.io/snapshot/cri.image-layers',
} as const;

/** An image as containerd pulls it. */
export type ImageAddress = {
  /** What was pulled, with its tag or digest. */
  readonly reference: RegistryReference;
  /** The manifest that containerd chose. */
  readonly manifestDigest: Digest;
};

export type LayerLabels = {
  readonly image: ImageAddress | undefined;
  /** The name as it was given, for messages. */
  readonly imageRef: string | undefined;
  readonly layerDigest: Digest | undefined;
  /** No layer of the image follows. */
  readonly isTopmost: boolean;
  readonly nydus: 'data-blob' | 'bootstrap' | undefined;
};

export function parseLayerLabels(labels: Labels): LayerLabels {
  const imageRef = labels[ImageLabel.imageRef];
  const reference = imageRef === undefined ? undefined : registryReference(imageRef);
  const manifestDigest = digestOf(labels[ImageLabel.manifestDigest]);
  const layerDigest = digestOf(labels[ImageLabel.layerDigest]);
  return {
    image:
      reference === undefined || manifestDigest === undefined
        ? undefined
        : { reference, manifestDigest },
    imageRef,
    layerDigest,
    isTopmost: layerDigest !== undefined && labels[ImageLabel.imageLayers] === layerDigest,
    nydus: nydusKind(labels),
  };
}

/** Original names for which a converted image is looked for: all, none, hosts and `host/name` prefixes. */
export type FindConverted = boolean | readonly string[];

export function isSearched(allowed: FindConverted, { reference }: ImageAddress): boolean {
  if (typeof allowed === 'boolean') return allowed;
  const name = repositoryOf(reference);
  return allowed.some((prefix) => name === prefix || name.startsWith(`${prefix}/`));
}

/** `host/name` of a reference. */
export function repositoryOf({ registry, repository }: RegistryReference): string {
  return `${registry}/${repository}`;
}

/** Only a registry: a client must not make the daemon read local paths. */
function registryReference(text: string): RegistryReference | undefined {
  try {
    const reference = parseReference(text);
    return reference.kind === 'registry' ? reference : undefined;
  } catch {
    return undefined;
  }
}

function digestOf(text: string | undefined): Digest | undefined {
  return text !== undefined && isDigest(text) ? text : undefined;
}

function nydusKind(labels: Labels): LayerLabels['nydus'] {
  if (labels[NydusAnnotation.bootstrap] !== undefined) return 'bootstrap';
  return labels[NydusAnnotation.blob] === undefined ? undefined : 'data-blob';
}

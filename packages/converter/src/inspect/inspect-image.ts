/** What `shoal inspect` tells about an image: its documents, its layers, its bootstrap. */
import type { Descriptor } from '@shoal/oci';
import { formatPlatform, imagesOfIndex, isMarkedConverted, ShoalAnnotation } from '@shoal/oci';
import type { BootstrapFile } from '../image/bootstrap-file.ts';
import type { OpenedImage } from '../image/open-image.ts';
import type { BootstrapFacts } from './bootstrap-facts.ts';
import { bootstrapFacts } from './bootstrap-facts.ts';

export type LayerFacts = {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Of the blob's torrent, as the manifest says. */
  readonly infohash?: string | undefined;
};

export type IndexEntryFacts = {
  readonly digest: string;
  readonly platform: string;
  readonly isMarkedConverted: boolean;
  readonly isShown: boolean;
};

export type ImageFacts = {
  readonly reference: string;
  readonly kind: 'ordinary' | 'converted';
  readonly manifest: string;
  readonly mediaType: string;
  readonly platform: string;
  readonly config: string;
  readonly created?: string | undefined;
  /** Manifests of the index the shown one was chosen from. */
  readonly index?: readonly IndexEntryFacts[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly layers: readonly LayerFacts[];
  /** Bytes of all different layers as stored. */
  readonly storedBytes: number;
  readonly bootstrap?: BootstrapFacts | undefined;
};

export type FileFacts = {
  readonly file: string;
  readonly kind: 'bootstrap';
  readonly bootstrap: BootstrapFacts;
};

/** Facts of an image of either kind. */
export function inspectImage(image: OpenedImage): ImageFacts {
  const { descriptor, manifest, config, index, description } = image.facts;
  const { os = 'unknown', architecture = 'unknown', variant } = config;
  const sizes = new Map(manifest.layers.map(({ digest, size }) => [digest, size]));
  return {
    reference: description,
    kind: image.kind,
    manifest: descriptor.digest,
    mediaType: manifest.mediaType,
    platform: formatPlatform({ os, architecture, variant }),
    config: manifest.config.digest,
    ...(config.created === undefined ? {} : { created: config.created }),
    ...(index === undefined
      ? {}
      : { index: imagesOfIndex(index).map((entry) => indexEntryFacts(entry, descriptor)) }),
    ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
    layers: manifest.layers.map(layerFacts),
    storedBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    ...(image.kind === 'converted' ? { bootstrap: bootstrapFacts(image.tree, image.summary) } : {}),
  };
}

/** Facts of a bootstrap file. */
export function inspectFile(file: BootstrapFile): FileFacts {
  return { file: file.path, kind: 'bootstrap', bootstrap: bootstrapFacts(file.tree, file.summary) };
}

function layerFacts({ digest, mediaType, size, annotations }: Descriptor): LayerFacts {
  const infohash = annotations?.[ShoalAnnotation.infohash];
  const isSound = infohash !== undefined && /^[0-9a-f]{40}$/.test(infohash);
  return { digest, mediaType, sizeBytes: size, ...(isSound ? { infohash } : {}) };
}

function indexEntryFacts(entry: Descriptor, shown: Descriptor): IndexEntryFacts {
  return {
    digest: entry.digest,
    platform: entry.platform === undefined ? 'unnamed' : formatPlatform(entry.platform),
    isMarkedConverted: isMarkedConverted(entry),
    isShown: entry.digest === shown.digest,
  };
}

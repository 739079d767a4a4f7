/**
 * Image manifests and indexes, OCI and Docker schema 2, told apart by what they hold. Fields this
 * code does not know stay on the objects and are written back. Spec: OCI image manifest and index.
 */
import * as z from 'zod';
import {
  annotationsSchema,
  type Descriptor,
  descriptorSchema,
  mediaTypeSchema,
} from './descriptor.ts';
import { DocumentKindError, DocumentLimitError } from './errors.ts';
import { checkDocument, encodeCanonicalJson, parseJsonDocument } from './json-document.ts';
import { INDEX_MANIFESTS_MAX, MANIFEST_BYTES_MAX, MANIFEST_LAYERS_MAX } from './limits.ts';
import { isIndexMediaType, isManifestMediaType, MediaType } from './media-type.ts';

type DocumentFields = {
  readonly schemaVersion: 2;
  /** As written, or the OCI type when the document does not say. */
  readonly mediaType: string;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

export type ImageManifest = DocumentFields & {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
};

export type ImageIndex = DocumentFields & {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
};

const commonFields = {
  schemaVersion: z.literal(2),
  mediaType: mediaTypeSchema.optional(),
  artifactType: z.string().optional(),
  subject: descriptorSchema.nullish().transform((value) => value ?? undefined),
  annotations: annotationsSchema.nullish().transform((value) => value ?? undefined),
};

const manifestSchema = z.looseObject({
  ...commonFields,
  config: descriptorSchema,
  layers: z
    .array(descriptorSchema)
    .nullish()
    .transform((value) => value ?? []),
});

const indexSchema = z.looseObject({
  ...commonFields,
  manifests: z
    .array(descriptorSchema)
    .nullish()
    .transform((value) => value ?? []),
});

const sniffSchema = z.looseObject({
  schemaVersion: z.number().optional(),
  mediaType: z.string().optional(),
});

/**
 * Decodes a manifest or an index. `what` names it in errors (its digest or path). Throws
 * `ERR_OCI_DOCUMENT`, `ERR_OCI_DOCUMENT_KIND`, `ERR_OCI_DOCUMENT_LIMIT`.
 */
export function parseManifest(
  bytes: Uint8Array,
  what = 'image manifest',
): ImageManifest | ImageIndex {
  const value = parseJsonDocument(bytes, what, MANIFEST_BYTES_MAX);
  const sniffed = checkDocument(sniffSchema, value, what);
  refuseUnknownKind(sniffed, what);
  const isIndex =
    sniffed.mediaType === undefined
      ? 'manifests' in sniffed && !('layers' in sniffed)
      : isIndexMediaType(sniffed.mediaType);
  return isIndex ? decodeIndex(value, what) : decodeManifest(value, what);
}

function refuseUnknownKind(sniffed: z.output<typeof sniffSchema>, what: string): void {
  const { mediaType, schemaVersion } = sniffed;
  if (schemaVersion === 1) throw new DocumentKindError(what, 'Docker image schema 1');
  if (mediaType === undefined) return;
  if (!isIndexMediaType(mediaType) && !isManifestMediaType(mediaType)) {
    throw new DocumentKindError(what, mediaType);
  }
}

function decodeManifest(value: unknown, what: string): ImageManifest {
  const decoded = checkDocument(manifestSchema, value, what);
  if (decoded.layers.length > MANIFEST_LAYERS_MAX) {
    throw new DocumentLimitError(what, `${decoded.layers.length} layers`);
  }
  return { ...decoded, kind: 'manifest', mediaType: decoded.mediaType ?? MediaType.ociManifest };
}

function decodeIndex(value: unknown, what: string): ImageIndex {
  const decoded = checkDocument(indexSchema, value, what);
  if (decoded.manifests.length > INDEX_MANIFESTS_MAX) {
    throw new DocumentLimitError(what, `${decoded.manifests.length} manifests`);
  }
  return { ...decoded, kind: 'index', mediaType: decoded.mediaType ?? MediaType.ociIndex };
}

/** Canonical bytes: the same object always gives the same digest. `kind` is not written. */
export function encodeManifest(document: ImageManifest | ImageIndex): Buffer {
  const { kind: _, ...fields } = document;
  return encodeCanonicalJson(fields);
}

/**
 * Image configurations. Only what Shoal reads is checked; everything else stays on the object and
 * is written back. Spec: OCI "Image configuration".
 */
import * as z from 'zod';
import { digestSchema } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { checkDocument, encodeCanonicalJson, parseJsonDocument } from './json-document.ts';
import { IMAGE_CONFIG_BYTES_MAX, MANIFEST_LAYERS_MAX } from './limits.ts';

export type HistoryEntry = {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly empty_layer?: boolean | undefined;
};

export type ImageConfig = {
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  /** What a runtime needs (Entrypoint, Cmd, Env, ...), kept as it is. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[] | undefined;
};

const name = z
  .string()
  .regex(/^[A-Za-z0-9._-]{0,64}$/, 'is not a platform name')
  .nullish()
  .transform((value) => value || undefined);
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

const historySchema = z.looseObject({
  created: text,
  created_by: text,
  author: text,
  comment: text,
  empty_layer: z
    .boolean()
    .nullish()
    .transform((value) => value ?? undefined),
});

const rootfsSchema = z.looseObject({
  type: z.string().default('layers'),
  diff_ids: z
    .array(digestSchema)
    .max(MANIFEST_LAYERS_MAX)
    .nullish()
    .transform((value) => value ?? []),
});

const imageConfigSchema = z.looseObject({
  os: name,
  architecture: name,
  variant: name,
  created: text,
  author: text,
  config: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? undefined),
  rootfs: rootfsSchema.nullish().transform((value) => value ?? { type: 'layers', diff_ids: [] }),
  history: z
    .array(historySchema)
    .nullish()
    .transform((value) => value ?? undefined),
});

/** Throws `ERR_OCI_DOCUMENT`, `ERR_OCI_DOCUMENT_LIMIT`. `what` names it in errors. */
export function parseImageConfig(bytes: Uint8Array, what = 'image configuration'): ImageConfig {
  const value = parseJsonDocument(bytes, what, IMAGE_CONFIG_BYTES_MAX);
  return checkDocument(imageConfigSchema, value, what);
}

/** Canonical bytes: the same object always gives the same digest. */
export function encodeImageConfig(config: ImageConfig): Buffer {
  return encodeCanonicalJson(config);
}

/**
 * Descriptors: media type, digest and size of a piece of content. Spec: OCI "Content descriptors".
 */
import * as z from 'zod';
import { type Digest, isDigest } from './digest.ts';
import { type Platform, platformSchema } from './platform.ts';

export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of the content as stored. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
  readonly urls?: readonly string[] | undefined;
  /** The content itself, base64. */
  readonly data?: string | undefined;
};

/** A media type as RFC 6838 writes it; nothing that could break a header or a terminal. */
export const mediaTypeSchema = z
  .string()
  .regex(/^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/, 'is not a media type');

export const digestSchema = z.custom<Digest>(isDigest, 'is not a digest');

export const annotationsSchema = z.record(z.string(), z.string());

export const descriptorSchema = z.looseObject({
  mediaType: mediaTypeSchema,
  digest: digestSchema,
  size: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  annotations: annotationsSchema.nullish().transform((value) => value ?? undefined),
  platform: platformSchema.optional(),
  artifactType: z.string().optional(),
  urls: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? undefined),
  data: z.string().optional(),
});

/**
 * What the lazy part remembers of a snapshot, in the snapshot's own record. All that a restart needs
 * is in it; a mark that does not decode is an error, never a guess.
 */
import { digestSchema } from '@shoal/oci';
import * as z from 'zod';
import { type LazyMark, lazyMark } from '../snapshots/lazy-layers.ts';
import { LazyMarkError } from './errors.ts';
import { LAZY_MARK_BYTES_MAX } from './limits.ts';

/** `host/name`, the longest name a registry takes and the longest host. */
const repository = z.string().min(3).max(512);
const reason = z.string().max(1024);

const markSchema = z.discriminatedUnion('kind', [
  /** Data of a converted image: the layer holds no files, and is never fetched as a whole. */
  z.strictObject({ kind: z.literal('data') }),
  /** A layer of an image that is loaded lazily by the layers above it: was not fetched. */
  z.strictObject({
    kind: z.literal('absent'),
    repository,
    /** Of the image that was pulled. */
    manifestDigest: digestSchema,
    layerDigest: digestSchema,
    /** The manifest of the converted image that stands for it. */
    convertedDigest: digestSchema,
  }),
  /** The lazily mounted image stands for this layer and all below it. */
  z.strictObject({
    kind: z.literal('image'),
    repository,
    /** Of the converted image. */
    manifestDigest: digestSchema,
    /** What was pulled. */
    imageRef: z.string().max(1024),
    /** Key of stored metadata that containerd unpacked; absent: the manifest's own. */
    bootstrapDigest: digestSchema.optional(),
  }),
  /** Unpacked as any layer; why, where the image could have been loaded lazily. */
  z.strictObject({
    kind: z.literal('ordinary'),
    imageRef: z.string().max(1024).optional(),
    reason,
  }),
]);

export type MarkContent = Readonly<z.infer<typeof markSchema>>;
export type ImageMark = Extract<MarkContent, { kind: 'image' }>;
export type AbsentMark = Extract<MarkContent, { kind: 'absent' }>;

export function encodeMark(content: MarkContent): LazyMark {
  return lazyMark(JSON.stringify(content));
}

/** @throws LazyMarkError */
export function decodeMark(mark: LazyMark): MarkContent {
  if (mark.length > LAZY_MARK_BYTES_MAX) throw new LazyMarkError('it is too long');
  let value: unknown;
  try {
    value = JSON.parse(mark);
  } catch (error) {
    throw new LazyMarkError('it is not JSON', { cause: error });
  }
  const parsed = markSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LazyMarkError(parsed.error.issues[0]?.message ?? 'it has another form');
}

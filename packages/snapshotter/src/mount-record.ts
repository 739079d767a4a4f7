/**
 * The record of one mount, as the database keeps it: all that is needed to serve the mount again
 * after a restart or a reboot, without network.
 */
import { z } from 'zod';
import { StateDamagedError } from './errors.ts';
import { MISS_DEADLINE_MS_MAX, RECORD_BYTES_MAX } from './limits.ts';

const absolutePath = z
  .string()
  .regex(/^\/[^\0]*$/)
  .max(4096);
const digest = z.string().regex(/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);

export const missPolicySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('wait') }),
  z.strictObject({
    kind: z.literal('deadline'),
    timeoutMs: z.number().int().min(1).max(MISS_DEADLINE_MS_MAX),
  }),
  z.strictObject({ kind: z.literal('fail') }),
]);

export const sourceOptionsSchema = z.strictObject({
  plainHttp: z.boolean().optional(),
  insecure: z.boolean().optional(),
  dockerConfigDirectory: absolutePath.optional(),
  caFile: absolutePath.optional(),
});

const blobSchema = z.strictObject({
  blobId: z.string().regex(/^[0-9a-f]{64}$/),
  descriptor: z.strictObject({
    mediaType: z.string(),
    digest,
    size: z.number().int().min(0),
  }),
});

const recordSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** `mounting` is undone at start: the reply was never given. */
  state: z.enum(['mounting', 'mounted', 'unmounting']),
  reference: z.string().max(4096),
  manifestDigest: digest,
  /** Digest of the bootstrap layer, the name of the stored metadata. */
  bootstrapDigest: digest,
  mountpoint: absolutePath,
  driver: z.string().max(32),
  driverReason: z.string().max(1024),
  isWritable: z.boolean(),
  allowSuid: z.boolean(),
  allowDevices: z.boolean(),
  source: sourceOptionsSchema,
  missPolicy: missPolicySchema,
  cacheDirectory: absolutePath,
  blobs: z.array(blobSchema).max(255),
  /** Boot in which it was mounted: after another boot the kernel has forgotten it. */
  bootId: z.string().max(64),
  mountedAt: z.iso.datetime(),
});

export type MountRecord = Readonly<z.infer<typeof recordSchema>>;
export type BlobRecord = Readonly<z.infer<typeof blobSchema>>;

export function encodeMountRecord(record: MountRecord): string {
  return JSON.stringify(record);
}

/** @throws StateDamagedError naming `place` when the text is not a record. */
export function decodeMountRecord(text: string, place: string): MountRecord {
  if (text.length > RECORD_BYTES_MAX) throw new StateDamagedError(place, 'a record is too large');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new StateDamagedError(place, 'a record is not JSON', { cause: error });
  }
  const parsed = recordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : `${issue.path.join('.')}: ${issue.message}`;
  throw new StateDamagedError(place, `a mount record does not decode (${where})`);
}

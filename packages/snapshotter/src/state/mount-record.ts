/**
 * The record of one mount, as the database keeps it: all that is needed to serve the mount again
 * after a restart or a reboot, without network.
 */
import { digestSchema, MANIFEST_LAYERS_MAX } from '@shoal/oci';
import * as z from 'zod';
import { StateDamagedError } from '../errors.ts';
import { MISS_DEADLINE_MS_MAX, RECORD_BYTES_MAX } from '../limits.ts';

const absolutePath = z
  .string()
  .regex(/^\/[^\0]*$/)
  .max(4096);

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
  clientCertificateFile: absolutePath.optional(),
  clientKeyFile: absolutePath.optional(),
});

const layerSchema = z.strictObject({
  mediaType: z.string().max(255),
  digest: digestSchema,
  /** Bytes in the registry. */
  size: z.number().int().min(0),
});

const recordSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** `mounting` is undone at start: the reply was never given. */
  state: z.enum(['mounting', 'mounted']),
  reference: z.string().max(4096),
  manifestDigest: digestSchema,
  /** Digest of the bootstrap layer, the name of the stored metadata. */
  bootstrapDigest: digestSchema,
  mountpoint: absolutePath,
  driver: z.string().max(32),
  driverReason: z.string().max(1024),
  /** Holds `upper` and `work` of a writable mount. */
  writableDirectory: absolutePath.optional(),
  /** Not for people: overlays of containers lie on it. */
  isLower: z.boolean().optional(),
  allowSuid: z.boolean(),
  allowDevices: z.boolean(),
  source: sourceOptionsSchema,
  missPolicy: missPolicySchema,
  cacheDirectory: absolutePath,
  /** The data layers that the manifest names. */
  layers: z.array(layerSchema).max(MANIFEST_LAYERS_MAX),
  /** Boot in which it was mounted: after another boot the kernel has forgotten it. */
  bootId: z.string().max(64),
  mountedAt: z.iso.datetime(),
});

export type MountRecord = Readonly<z.infer<typeof recordSchema>>;
export type LayerRecord = Readonly<z.infer<typeof layerSchema>>;

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

/**
 * What an interrupted download leaves beside its bytes: of what they are, and how many are surely on
 * the disk. It may come from an older version, another program or a broken disk: what does not make
 * sense is refused, and the download starts again.
 */
import { type Digest, isDigest } from '@shoal/oci';
import * as z from 'zod';
import { JournalError } from '../errors.ts';
import { IDENTITY_CHARACTERS_MAX, JOURNAL_BYTES_MAX } from '../limits.ts';

export type Journal = {
  /** Of what: equal text, equal bytes. */
  readonly identity: string;
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
  /** From the first byte on; synced. */
  readonly bytes: number;
};

const VERSION = 1;
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const schema = z
  .strictObject({
    version: z.literal(VERSION),
    identity: z.string().min(1).max(IDENTITY_CHARACTERS_MAX),
    digest: z.custom<Digest>(isDigest, 'is not a digest').optional(),
    size: count.optional(),
    bytes: count,
  })
  .refine(({ size, bytes }) => size === undefined || bytes <= size, 'has more than all bytes');

export function encodeJournal({ identity, digest, size, bytes }: Journal): Buffer {
  const fields = { version: VERSION, identity, digest, size, bytes };
  return Buffer.from(`${JSON.stringify(fields)}\n`);
}

/** Throws `ERR_DOWNLOADS_JOURNAL`. */
export function decodeJournal(bytes: Uint8Array): Journal {
  if (bytes.byteLength > JOURNAL_BYTES_MAX) throw new JournalError('the journal is too long');
  const parsed = schema.safeParse(jsonOf(bytes));
  if (!parsed.success) throw new JournalError('the journal does not make sense');
  const { version: _, ...journal } = parsed.data;
  return journal;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch (error) {
    throw new JournalError('the journal is not JSON', { cause: error });
  }
}

/**
 * `have_ranges`: bytes of the blob that its sender holds from now on. Ranges as `range-codec.ts` has
 * them: sorted, apart from each other.
 *
 * | at | bytes | field |
 * | --- | --- | --- |
 * | 0 | 1 | type, 1 |
 * | 1 | rest | ranges |
 */
import { RangeSetFormatError } from '../../errors.ts';
import type { ByteRange } from '../../ranges/byte-range.ts';
import { decodeRanges, encodedRangesBytesMax, encodeRanges } from '../../ranges/range-codec.ts';
import { EXTENSION_MESSAGE_BYTES_MAX, HAVE_RANGES_MAX } from '../limits.ts';
import { malformed, ShoalMessage } from './message-type.ts';

const AT = { type: 0, ranges: 1 } as const;

if (AT.ranges + encodedRangesBytesMax(HAVE_RANGES_MAX) > EXTENSION_MESSAGE_BYTES_MAX) {
  throw new RangeError('a have_ranges message may be too long');
}

/** At most `HAVE_RANGES_MAX` ranges, sorted, apart from each other. */
export function encodeHaveRanges(ranges: readonly ByteRange[]): Buffer {
  return Buffer.concat([Buffer.of(ShoalMessage.haveRanges), encodeRanges(ranges)]);
}

/** A message of this type. Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeHaveRanges(message: Buffer, blobBytes: number): ByteRange[] {
  try {
    return decodeRanges(message.subarray(AT.ranges), {
      rangesMax: HAVE_RANGES_MAX,
      endMax: blobBytes,
    });
  } catch (error) {
    if (error instanceof RangeSetFormatError) throw malformed('have_ranges', error.message);
    throw error;
  }
}

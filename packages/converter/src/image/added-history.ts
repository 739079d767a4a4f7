/** History entries of a configuration that conversions and unpacking add. */
import type { HistoryEntry } from '@shoal/oci';

/** Marks the entry of the bootstrap layer, in images of any Nydus tool. */
const BOOTSTRAP_COMMENT = 'Nydus Bootstrap Layer';
/** `created_by` of the entry of the one layer that `shoal unpack` makes. */
export const UNPACK_AUTHOR = 'shoal unpack';
/** `created_by` of what a conversion adds: the bootstrap, blobs of dictionaries. */
const CONVERT_AUTHOR = 'shoal convert';

/** The steps that made the image, without those that tools added. */
export function ownSteps(history: readonly HistoryEntry[] = []): HistoryEntry[] {
  return history.filter(
    ({ comment, created_by: author }) =>
      comment !== BOOTSTRAP_COMMENT && author !== UNPACK_AUTHOR && author !== CONVERT_AUTHOR,
  );
}

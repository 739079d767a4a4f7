/** What a reader says whose digests have found the bytes of its read right. */
import type { BlobReadOptions } from '@shoal/blob-store';

export function foundRight(offset: number, length: number): Pick<BlobReadOptions, 'onVerdict'> {
  return { onVerdict: (tell) => queueMicrotask(() => tell(offset, length, 'right')) };
}

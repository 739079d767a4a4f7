/** Paths for people: each component printable, nothing cut off. */
import type { ByteString } from '@shoal/rafs';
import { printableName, splitPath } from '@shoal/rafs';

/** The path with bytes that are no UTF-8 and control characters escaped. */
export function printablePath(path: ByteString): string {
  return splitPath(path).map(printableName).join('/');
}

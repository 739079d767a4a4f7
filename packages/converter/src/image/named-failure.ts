/**
 * The code of the image format does not know whose bytes it is given; here its errors learn it.
 */
import { ShoalError } from '@shoal/errors';

/** The same error with `name` in front of its message when it is one of the format's. */
export function namedFailure(error: unknown, name: string): unknown {
  if (error instanceof ShoalError && error.code.startsWith('ERR_RAFS_')) {
    error.message = `${name}: ${error.message}`;
  }
  return error;
}

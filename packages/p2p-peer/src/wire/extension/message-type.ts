/** The messages of our extension by their first byte. Numbers are big-endian. */
import { WireProtocolError } from '../errors.ts';

/** The name of our extension (BEP 10). */
export const SHOAL_EXTENSION = 'shoal';

export const ShoalMessage = {
  haveRanges: 1,
  askHashes: 2,
  hashes: 3,
  unavailable: 4,
  neighbours: 5,
} as const;

export function malformed(message: string, problem: string): WireProtocolError {
  return new WireProtocolError(`a message ${message} does not decode: ${problem}`);
}

/** The handshake of extensions (BEP 10): which ones the other side knows under which number. */
import { BencodeError } from '../../errors.ts';
import type { BencodeNode } from '../../torrent/bencode.ts';
import { decodeBencode } from '../../torrent/bencode.ts';
import { WireLimitError, WireProtocolError } from '../errors.ts';
import { EXTENDED_HANDSHAKE_BYTES_MAX } from '../limits.ts';

export type ExtendedHandshake = {
  /** Name to number, 1 to 255: those that are switched off are not here. */
  readonly extensions: ReadonlyMap<string, number>;
  /** Everything it says, by its keys. */
  readonly fields: ReadonlyMap<string, BencodeNode>;
};

/** Throws `ERR_P2P_WIRE_LIMIT`, `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeExtendedHandshake(body: Buffer): ExtendedHandshake {
  if (body.length > EXTENDED_HANDSHAKE_BYTES_MAX) {
    throw new WireLimitError('an extended handshake', body.length, EXTENDED_HANDSHAKE_BYTES_MAX);
  }
  const root = decodeDictionary(body);
  const extensions = new Map<string, number>();
  const names = root.get('m');
  if (names?.kind === 'dictionary') {
    for (const [name, number] of names.value) {
      if (number.kind !== 'integer' || number.value < 0 || number.value > 255) {
        throw new WireProtocolError('the number of an extension is none');
      }
      if (number.value > 0) extensions.set(name, number.value);
    }
  }
  return { extensions, fields: root };
}

function decodeDictionary(body: Buffer): ReadonlyMap<string, BencodeNode> {
  try {
    const node = decodeBencode(body);
    if (node.kind === 'dictionary') return node.value;
  } catch (error) {
    if (!(error instanceof BencodeError)) throw error;
    throw new WireProtocolError(`its extended handshake does not decode: ${error.message}`);
  }
  throw new WireProtocolError('its extended handshake is no dictionary');
}

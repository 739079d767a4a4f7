/**
 * What our hosts tell each other in the handshake of extensions, under the key `shoal`: who they are,
 * where they stand, and what they may read. Nothing of it is believed before certificate and token say
 * the same.
 *
 * | key | what |
 * | --- | --- |
 * | `v` | 1 |
 * | `host`, `role`, `zone`, `rack`, `addr` | as in `host-facts.ts` |
 * | `token` | a secret |
 * | `origin` | `registry/repository` that the wire is for |
 * | `blob` | the blob, 64 hexadecimal digits: whoever never heard of it cannot tell it from the swarm's id |
 * | `size` | its stored bytes |
 */
import type { SizedBlob } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';
import type { HostFacts } from '../../identity/host.ts';
import { STORED_BLOB_BYTES_MAX } from '../../limits.ts';
import type { BencodeNode, BencodeValue } from '../../torrent/bencode.ts';
import { WireProtocolError } from '../errors.ts';
import { type BencodeFields, decodeHostFacts, encodeHostFacts, textOf } from './host-facts.ts';

export const HOST_HANDSHAKE_KEY = 'shoal';
const VERSION = 1;

export type HostHandshake = {
  readonly facts: HostFacts;
  readonly token: string;
  readonly repository: string;
  /** What the wire is for. */
  readonly blob: SizedBlob;
};

export function encodeHostHandshake(handshake: HostHandshake): ReadonlyMap<string, BencodeValue> {
  const { facts, token, repository, blob } = handshake;
  return new Map<string, BencodeValue>([
    ['v', VERSION],
    ...encodeHostFacts(facts),
    ['token', token],
    ['origin', repository],
    ['blob', blob.blobId],
    ['size', blob.sizeBytes],
  ]);
}

/** Throws `ERR_P2P_WIRE_PROTOCOL`, `ERR_P2P_HOST_NAME`, `ERR_OCI_BLOB_ID`. */
export function decodeHostHandshake(node: BencodeNode | undefined): HostHandshake {
  if (node?.kind !== 'dictionary') throw new WireProtocolError('it does not say which host it is');
  const fields = node.value;
  const version = fields.get('v');
  if (version?.kind !== 'integer' || version.value !== VERSION) {
    throw new WireProtocolError('it speaks another version of our extension');
  }
  return {
    facts: decodeHostFacts(fields),
    token: textOf(fields, 'token'),
    repository: textOf(fields, 'origin'),
    blob: blobOf(fields),
  };
}

function blobOf(fields: BencodeFields): SizedBlob {
  const blobId = parseBlobId(textOf(fields, 'blob'));
  const size = fields.get('size');
  if (size?.kind !== 'integer' || size.value < 1 || size.value > STORED_BLOB_BYTES_MAX) {
    throw new WireProtocolError('its blob has no size');
  }
  return { blobId, sizeBytes: size.value };
}

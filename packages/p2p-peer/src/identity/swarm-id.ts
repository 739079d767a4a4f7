/**
 * The 20 bytes under which peers meet for a blob. Between our peers they follow from the blob's
 * digest alone, so nobody has to be asked before the first read; standard clients meet us under the
 * infohash of the blob's torrent. Both look the same on the wire and to a tracker.
 */
import { createHash } from 'node:crypto';
import type { BlobId } from '@shoal/oci';
import { digestOfBlobId } from '@shoal/oci';
import { SwarmIdSyntaxError } from '../errors.ts';

declare const swarmIdBrand: unique symbol;

/** 40 lowercase hexadecimal digits: 20 bytes. */
export type SwarmId = string & { readonly [swarmIdBrand]: true };

const SWARM_ID_BYTES = 20;
/** Keeps ids apart from those of any later way to make them. */
const DOMAIN = 'shoal swarm 1\n';

function isSwarmId(text: string): text is SwarmId {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Throws `ERR_P2P_SWARM_ID`. */
export function parseSwarmId(text: string): SwarmId {
  if (!isSwarmId(text)) throw new SwarmIdSyntaxError(text);
  return text;
}

/** Where our peers meet for this blob. */
export function swarmIdOf(blobId: BlobId): SwarmId {
  const hash = createHash('sha256').update(DOMAIN).update(digestOfBlobId(blobId)).digest();
  return parseSwarmId(hash.toString('hex', 0, SWARM_ID_BYTES));
}

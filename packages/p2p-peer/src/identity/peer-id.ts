/** The 20 bytes by which a peer is known on the wire and to trackers (BEP 3, BEP 20). */
import { randomBytes } from 'node:crypto';
import { PeerIdSyntaxError } from '../errors.ts';

declare const peerIdBrand: unique symbol;

/** 40 lowercase hexadecimal digits: 20 bytes. */
export type PeerId = string & { readonly [peerIdBrand]: true };

/** Client and version as BEP 20 writes them. */
const CLIENT_PREFIX = '-SL0100-';
const PEER_ID_BYTES = 20;

function isPeerId(text: string): text is PeerId {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Throws `ERR_P2P_PEER_ID`. */
export function parsePeerId(text: string): PeerId {
  if (!isPeerId(text)) throw new PeerIdSyntaxError(text);
  return text;
}

/** A new one for each start of a peer. */
export function newPeerId(): PeerId {
  const prefix = Buffer.from(CLIENT_PREFIX, 'latin1');
  const id = Buffer.concat([prefix, randomBytes(PEER_ID_BYTES - prefix.length)]);
  return parsePeerId(id.toString('hex'));
}

/**
 * The 20 bytes by which a peer is known on the wire and to trackers (BEP 3, BEP 20). Those of our
 * hosts follow from the host's name, so that one can be chosen before it was ever met; its
 * certificate has to name that host. A process without a name takes a new one at each start.
 */
import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { PeerIdSyntaxError } from '../errors.ts';
import { PEER_IDS_REMEMBERED_MAX } from '../limits.ts';
import type { HostName } from './host.ts';

declare const peerIdBrand: unique symbol;

/** 40 lowercase hexadecimal digits: 20 bytes. */
export type PeerId = string & { readonly [peerIdBrand]: true };

/** Client and version as BEP 20 writes them; it stays, or ids would change with a release. */
const CLIENT_PREFIX = Buffer.from('-SL0100-', 'latin1');
const PEER_ID_BYTES = 20;
/** Keeps ids apart from those of any later way to make them. */
const DOMAIN = 'shoal host 1\n';

function isPeerId(text: string): text is PeerId {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Throws `ERR_P2P_PEER_ID`. */
export function parsePeerId(text: string): PeerId {
  if (!isPeerId(text)) throw new PeerIdSyntaxError(text);
  return text;
}

/** Several are asked for with each block. */
const idsOfHosts = new LRUCache<HostName, PeerId>({ max: PEER_IDS_REMEMBERED_MAX });

/** The id of one of our hosts. */
export function peerIdOf(host: HostName): PeerId {
  const known = idsOfHosts.get(host);
  if (known !== undefined) return known;
  const peerId = withPrefix(createHash('sha256').update(DOMAIN).update(host).digest());
  idsOfHosts.set(host, peerId);
  return peerId;
}

/** Whether it has the form of those that hosts of ours have, whoever shows it. */
export function isHostPeerId(peerId: PeerId): boolean {
  return peerId.startsWith(CLIENT_PREFIX.toString('hex'));
}

/** Of a process that is no host. */
export function newPeerId(): PeerId {
  return withPrefix(randomBytes(PEER_ID_BYTES));
}

function withPrefix(bytes: Buffer): PeerId {
  const rest = bytes.subarray(0, PEER_ID_BYTES - CLIENT_PREFIX.length);
  return parsePeerId(Buffer.concat([CLIENT_PREFIX, rest]).toString('hex'));
}

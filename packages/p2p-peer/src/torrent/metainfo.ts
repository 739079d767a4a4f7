/**
 * The `.torrent` file of a blob: version 1, one file, private, named by the blob's SHA-256. Equal
 * blobs give equal bytes. Spec: BEP 3 "metainfo files", BEP 12 (`announce-list`), BEP 27 (`private`).
 */
import { createHash } from 'node:crypto';
import type { BlobId } from '@shoal/oci';
import { parseBlobId } from '@shoal/oci';
import { MetainfoError } from '../errors.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import { parseSwarmId } from '../identity/swarm-id.ts';
import { checkAnnounce } from './announce.ts';
import type { BencodeNode, BencodeValue } from './bencode.ts';
import { decodeBencode, encodeBencode } from './bencode.ts';
import { METAINFO_BYTES_MAX, TORRENT_PIECE_BYTES_MAX, TORRENT_PIECE_BYTES_MIN } from './limits.ts';
import { pieceCountOf } from './piece-length.ts';

/** Bytes of a SHA-1. */
export const PIECE_HASH_BYTES = 20;

export type MetainfoFields = {
  readonly blobId: BlobId;
  readonly blobBytes: number;
  /** A power of two. */
  readonly pieceBytes: number;
  /** SHA-1 of each piece, back to back. */
  readonly pieceHashes: Buffer;
  /** Trackers, each a tier of its own. */
  readonly announce: readonly string[];
};

export type Metainfo = MetainfoFields & {
  /** SHA-1 of the info dictionary as it came: where standard clients meet. */
  readonly infohash: SwarmId;
};

/** The file's bytes and its infohash. Throws `ERR_P2P_METAINFO`. */
export function encodeMetainfo(fields: MetainfoFields): { bytes: Buffer; infohash: SwarmId } {
  checkFields(fields);
  const { announce } = fields;
  const info = new Map<string, BencodeValue>([
    ['length', fields.blobBytes],
    ['name', fields.blobId],
    ['piece length', fields.pieceBytes],
    ['pieces', fields.pieceHashes],
    ['private', 1],
  ]);
  const whole = new Map<string, BencodeValue>([['info', info]]);
  const [first] = announce;
  if (first !== undefined) whole.set('announce', first);
  if (announce.length > 1) {
    whole.set(
      'announce-list',
      announce.map((tracker) => [tracker]),
    );
  }
  const bytes = encodeBencode(whole);
  if (bytes.length > METAINFO_BYTES_MAX) throw new MetainfoError('it is too large');
  return { bytes, infohash: infohashOf(encodeBencode(info)) };
}

/** Refuses whatever is no torrent of one blob. Throws `ERR_P2P_METAINFO`, `ERR_P2P_BENCODE`. */
export function decodeMetainfo(bytes: Buffer): Metainfo {
  if (bytes.length > METAINFO_BYTES_MAX) throw new MetainfoError('it is too large');
  const root = decodeBencode(bytes);
  if (root.kind !== 'dictionary') throw new MetainfoError('it is no dictionary');
  const info = root.value.get('info');
  if (info?.kind !== 'dictionary') throw new MetainfoError('it has no info dictionary');
  for (const key of ['files', 'file tree', 'meta version']) {
    if (info.value.has(key)) throw new MetainfoError(`it has ${key}: it is not of one file`);
  }
  if (integerOf(info, 'private') !== 1) throw new MetainfoError('it is not private');
  const fields: MetainfoFields = {
    blobId: blobIdOf(stringOf(info, 'name')),
    blobBytes: integerOf(info, 'length'),
    pieceBytes: integerOf(info, 'piece length'),
    pieceHashes: Buffer.from(stringOf(info, 'pieces')),
    announce: announceOf(root),
  };
  checkFields(fields);
  return { ...fields, infohash: infohashOf(bytes.subarray(info.start, info.end)) };
}

function checkFields({ blobBytes, pieceBytes, pieceHashes, announce }: MetainfoFields): void {
  if (!Number.isSafeInteger(blobBytes) || blobBytes <= 0) {
    throw new MetainfoError(`a blob of ${blobBytes} bytes`);
  }
  const isPowerOfTwo = Number.isInteger(Math.log2(pieceBytes));
  if (
    !isPowerOfTwo ||
    pieceBytes < TORRENT_PIECE_BYTES_MIN ||
    pieceBytes > TORRENT_PIECE_BYTES_MAX
  ) {
    throw new MetainfoError(`pieces of ${pieceBytes} bytes`);
  }
  const pieces = pieceCountOf(blobBytes, pieceBytes);
  if (pieceHashes.length !== pieces * PIECE_HASH_BYTES) {
    throw new MetainfoError(`${pieceHashes.length} bytes of hashes for ${pieces} pieces`);
  }
  checkAnnounce(announce);
}

type Dictionary = Extract<BencodeNode, { readonly kind: 'dictionary' }>;

function integerOf({ value }: Dictionary, key: string): number {
  const node = value.get(key);
  if (node?.kind !== 'integer') throw new MetainfoError(`it has no number ${key}`);
  return node.value;
}

function stringOf({ value }: Dictionary, key: string): Buffer {
  const node = value.get(key);
  if (node?.kind !== 'string') throw new MetainfoError(`it has no string ${key}`);
  return node.value;
}

function blobIdOf(name: Buffer): BlobId {
  try {
    return parseBlobId(name.toString('latin1'));
  } catch (cause) {
    throw new MetainfoError('its name is not that of a blob', { cause });
  }
}

/** The list of tiers, flat; the single tracker where there is none. */
function announceOf({ value }: Dictionary): string[] {
  const list = value.get('announce-list');
  const single = value.get('announce');
  if (list === undefined) return single === undefined ? [] : [textOf(single)];
  if (list.kind !== 'list') throw new MetainfoError('announce-list is no list');
  return list.value.flatMap((tier) => {
    if (tier.kind !== 'list') throw new MetainfoError('announce-list has a tier that is no list');
    return tier.value.map(textOf);
  });
}

function textOf(node: BencodeNode): string {
  if (node.kind !== 'string') throw new MetainfoError('a tracker is no text');
  return node.value.toString('utf8');
}

function infohashOf(info: Buffer): SwarmId {
  return parseSwarmId(createHash('sha1').update(info).digest('hex'));
}

/** Magnet links of blobs. Spec: BEP 9, "magnet URI format". */
import type { BlobId } from '@shoal/oci';
import { parseBlobId } from '@shoal/oci';
import { MagnetSyntaxError } from '../errors.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import { parseSwarmId } from '../identity/swarm-id.ts';
import { checkAnnounce } from './announce.ts';
import { MAGNET_LENGTH_MAX } from './limits.ts';

const TOPIC = 'urn:btih:';

export type Magnet = {
  readonly infohash: SwarmId;
  readonly blobId: BlobId;
  readonly blobBytes: number;
  readonly announce: readonly string[];
};

export function formatMagnet({ infohash, blobId, blobBytes, announce }: Magnet): string {
  const trackers = announce.map((tracker) => `&tr=${encodeURIComponent(tracker)}`);
  return `magnet:?xt=${TOPIC}${infohash}&dn=${blobId}&xl=${blobBytes}${trackers.join('')}`;
}

/** Throws `ERR_P2P_MAGNET`. */
export function parseMagnet(text: string): Magnet {
  const url = text.length > MAGNET_LENGTH_MAX ? null : URL.parse(text);
  if (url?.protocol !== 'magnet:') throw new MagnetSyntaxError(text);
  const only = (name: string) => {
    const [value, ...more] = url.searchParams.getAll(name);
    if (value === undefined || more.length > 0) throw new MagnetSyntaxError(text);
    return value;
  };
  const [topic, size] = [only('xt'), only('xl')];
  if (!topic.startsWith(TOPIC) || !/^[1-9][0-9]{0,14}$/.test(size)) {
    throw new MagnetSyntaxError(text);
  }
  try {
    const announce = url.searchParams.getAll('tr');
    checkAnnounce(announce);
    const infohash = parseSwarmId(topic.slice(TOPIC.length).toLowerCase());
    return { infohash, blobId: parseBlobId(only('dn')), blobBytes: Number(size), announce };
  } catch (cause) {
    throw new MagnetSyntaxError(text, { cause });
  }
}

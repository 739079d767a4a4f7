/** The info dictionary of a torrent as it stands there: what its infohash is of, and clients ask for. */
import { MetainfoError } from '../errors.ts';
import { decodeBencode } from './bencode.ts';

/** Throws `ERR_P2P_METAINFO`, `ERR_P2P_BENCODE`. */
export function infoBytesOf(torrent: Buffer): Buffer {
  const root = decodeBencode(torrent);
  const info = root.kind === 'dictionary' ? root.value.get('info') : undefined;
  if (info === undefined) throw new MetainfoError('it has no info dictionary');
  return torrent.subarray(info.start, info.end);
}

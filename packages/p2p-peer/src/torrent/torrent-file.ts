/** A `.torrent` file with what it says. One that is made for a blob names no tracker: it follows from the blob alone. */
import { decodeMetainfo, encodeMetainfo, type Metainfo, type MetainfoFields } from './metainfo.ts';

export type TorrentFile = {
  readonly metainfo: Metainfo;
  /** The `.torrent` file. */
  readonly bytes: Buffer;
};

/** Throws `ERR_P2P_METAINFO`. */
export function encodeTorrent(fields: Omit<MetainfoFields, 'announce'>): TorrentFile {
  const { bytes } = encodeMetainfo({ ...fields, announce: [] });
  return { metainfo: decodeMetainfo(bytes), bytes };
}

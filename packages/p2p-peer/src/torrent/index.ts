/** Torrents of blobs, and nothing else of this package: what a conversion loads. */
export { formatMagnet, type Magnet, parseMagnet } from './magnet.ts';
export {
  decodeMetainfo,
  encodeMetainfo,
  type Metainfo,
  type MetainfoFields,
  PIECE_HASH_BYTES,
} from './metainfo.ts';
export { pieceBytesOf, pieceCountOf } from './piece-length.ts';
export {
  EMPTY_CONFIG,
  listTorrents,
  readTorrent,
  torrentManifest,
} from './published-torrent.ts';
export { encodeTorrent, type TorrentFile } from './torrent-file.ts';

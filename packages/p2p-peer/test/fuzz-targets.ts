/** What strangers give peers: torrents and magnet links. */
import { parseBlobId } from '@shoal/oci';
import type { FuzzTarget } from '@shoal/test-kit';
import type { Metainfo } from '../src/torrent/index.ts';
import { decodeMetainfo, encodeMetainfo, formatMagnet, parseMagnet } from '../src/torrent/index.ts';

const announce = ['http://tracker/announce', 'udp://tracker:6969/announce'];

function torrents(): Buffer[] {
  const fields = {
    blobId: parseBlobId('ab'.repeat(32)),
    blobBytes: 300 << 10,
    pieceBytes: 256 << 10,
    pieceHashes: Buffer.alloc(40, 7),
  };
  return [[], announce.slice(1), announce].map(
    (trackers) => encodeMetainfo({ ...fields, announce: trackers }).bytes,
  );
}

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'metainfo', samples: torrents, run: (input): Metainfo => decodeMetainfo(input) },
  {
    name: 'magnet',
    samples: () => torrents().map((bytes) => Buffer.from(formatMagnet(decodeMetainfo(bytes)))),
    run: (input) => parseMagnet(input.toString('utf8')),
  },
];

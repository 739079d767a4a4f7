import { createHash, randomBytes } from 'node:crypto';
import { parseBlobId } from '@shoal/oci';
import fc from 'fast-check';
import t from 'tap';
import {
  decodeMetainfo,
  encodeMetainfo,
  formatMagnet,
  parseMagnet,
  pieceBytesOf,
  pieceCountOf,
} from '../src/torrent/index.ts';

const BLOB = parseBlobId('ab'.repeat(32));
const FIELDS = {
  blobId: BLOB,
  blobBytes: 300 << 10,
  pieceBytes: 256 << 10,
  pieceHashes: Buffer.alloc(40, 7),
  announce: [],
};

t.test('a torrent has one form, and its infohash is that of its info dictionary', async (t) => {
  const { bytes, infohash } = encodeMetainfo(FIELDS);
  const info = `d6:lengthi307200e4:name64:${BLOB}12:piece lengthi262144e6:pieces40:${'\x07'.repeat(40)}7:privatei1ee`;
  t.equal(bytes.toString('latin1'), `d4:info${info}e`);
  t.equal(infohash, createHash('sha1').update(info, 'latin1').digest('hex'));
  t.same(decodeMetainfo(bytes), { ...FIELDS, infohash });
});

t.test('trackers are outside of what the infohash is of', async (t) => {
  const { infohash } = encodeMetainfo(FIELDS);
  for (const announce of [['http://a/announce'], ['http://a/announce', 'udp://b:1/announce']]) {
    const torrent = encodeMetainfo({ ...FIELDS, announce });
    t.equal(torrent.infohash, infohash);
    t.same(decodeMetainfo(torrent.bytes), { ...FIELDS, announce, infohash });
  }
});

t.test('what is encoded decodes to itself', async (t) => {
  const fields = fc.record({
    blobBytes: fc.integer({ min: 1, max: 1 << 26 }),
    shift: fc.integer({ min: 16, max: 22 }),
    announce: fc.array(fc.webUrl(), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fields, ({ blobBytes, shift, announce }) => {
      const pieceBytes = 2 ** shift;
      const pieceHashes = randomBytes(20 * pieceCountOf(blobBytes, pieceBytes));
      const all = { blobId: BLOB, blobBytes, pieceBytes, pieceHashes, announce };
      const { bytes, infohash } = encodeMetainfo(all);
      t.strictSame(decodeMetainfo(bytes), { ...all, infohash });
    }),
    { numRuns: 50 },
  );
});

t.test('what a torrent of a blob may not have', async (t) => {
  const wrong: Partial<typeof FIELDS>[] = [
    { blobBytes: 0 },
    { blobBytes: -1 },
    { blobBytes: 1.5 },
    { pieceBytes: 1000 },
    { pieceBytes: 0 },
    { pieceBytes: 1 << 10 },
    { pieceBytes: 2 ** 40 },
    { pieceHashes: Buffer.alloc(41) },
    { pieceHashes: Buffer.alloc(20) },
  ];
  for (const fields of wrong) {
    t.throws(() => encodeMetainfo({ ...FIELDS, ...fields }), { code: 'ERR_P2P_METAINFO' });
  }
  for (const tracker of ['', 'file:///etc/passwd', 'javascript:1', `http://${'a'.repeat(3000)}/`]) {
    const run = () => encodeMetainfo({ ...FIELDS, announce: [tracker] });
    t.throws(run, { code: 'ERR_P2P_METAINFO' });
  }
  const blobBytes = 2 ** 42;
  const pieceHashes = Buffer.alloc(20 * 2 ** 20);
  const huge = { ...FIELDS, blobBytes, pieceBytes: 4 << 20, pieceHashes };
  t.throws(() => encodeMetainfo(huge), { code: 'ERR_P2P_METAINFO' });
});

t.test('files that are no torrent of a blob are refused', async (t) => {
  const whole = encodeMetainfo(FIELDS).bytes.toString('latin1');
  const refuse = (from: string, to: string, code = 'ERR_P2P_METAINFO') => {
    const changed = Buffer.from(whole.replace(from, to), 'latin1');
    t.not(changed.toString('latin1'), whole, `${from} is there`);
    t.throws(() => decodeMetainfo(changed), { code }, `${from} -> ${to}`);
  };
  refuse('7:privatei1e', '7:privatei0e');
  refuse('7:privatei1e', '');
  refuse(BLOB, `../${BLOB.slice(3)}`);
  refuse(BLOB, BLOB.toUpperCase());
  refuse('6:lengthi307200e', '5:filesle6:lengthi307200e');
  refuse('4:name', '12:meta versioni2e4:name');
  refuse('6:lengthi307200e', '6:lengthi-1e');
  refuse('6:lengthi307200e', '6:length1:1');
  refuse('6:lengthi307200e', '6:lengthi1e');
  refuse('d4:info', 'd13:announce-list1:a4:info');
  refuse('d4:info', 'd13:announce-listl1:ae4:info');
  refuse('d4:info', 'd8:announcei1e4:info');
  refuse('d4:info', 'd4:inf0');
  for (const text of ['', 'i1e', 'le', 'de', 'd4:infolee']) {
    const code = text === '' ? 'ERR_P2P_BENCODE' : 'ERR_P2P_METAINFO';
    t.throws(() => decodeMetainfo(Buffer.from(text)), { code }, text);
  }
  t.throws(() => decodeMetainfo(Buffer.alloc((16 << 20) + 1)), { code: 'ERR_P2P_METAINFO' });
});

t.test('fields nobody knows are part of the infohash', async (t) => {
  const { bytes, infohash } = encodeMetainfo(FIELDS);
  const more = bytes.toString('latin1').replace('7:privatei1e', '7:privatei1e6:source1:x');
  const decoded = decodeMetainfo(Buffer.from(more, 'latin1'));
  t.not(decoded.infohash, infohash);
  t.equal(decoded.blobBytes, FIELDS.blobBytes);
});

t.test('the length of pieces follows from the size', async (t) => {
  const MIB = 1 << 20;
  t.equal(pieceBytesOf(1), MIB / 4);
  t.equal(pieceBytesOf(64 * MIB - 1), MIB / 4);
  t.equal(pieceBytesOf(64 * MIB), MIB);
  t.equal(pieceBytesOf(8192 * MIB), MIB);
  t.equal(pieceBytesOf(8192 * MIB + 1), 4 * MIB);
});

t.test('magnet links', async (t) => {
  const { infohash } = encodeMetainfo(FIELDS);
  const announce = ['http://tracker:6969/announce?a=1&b=2'];
  const magnet = { infohash, blobId: BLOB, blobBytes: 5, announce };
  const text = formatMagnet(magnet);
  t.match(text, `magnet:?xt=urn:btih:${infohash}&dn=${BLOB}&xl=5&tr=http%3A%2F%2Ftracker`);
  t.same(parseMagnet(text), magnet);
  t.same(parseMagnet(text.replace(infohash, infohash.toUpperCase())), magnet);
  const wrong = [
    '',
    'magnet:?',
    text.replace('magnet', 'http'),
    text.replace('btih', 'btmh'),
    text.replace('xl=5', 'xl=-5'),
    text.replace('xl=5', 'xl=0'),
    `${text}&xl=5`,
    text.replace(BLOB, 'x'),
    text.replace('http%3A', 'file%3A'),
    `${text}${'&tr=http%3A%2F%2Fa'.repeat(17)}`,
  ];
  for (const other of wrong) {
    t.throws(() => parseMagnet(other), { code: 'ERR_P2P_MAGNET' }, other.slice(0, 200));
  }
});

/** Which blobs a report to trackers names when there are more than it holds. */
import { parseBlobId } from '@shoal/oci';
import t from 'tap';
import { parseSwarmId } from '../src/identity/swarm-id.ts';
import { chooseTold, type ToldBlob } from '../src/peer/host-report-of.ts';
import { REPORT_BLOBS_MAX } from '../src/tracker/limits.ts';

function blobs(count: number, from: number, hasTorrent: boolean): readonly ToldBlob[] {
  return Array.from({ length: count }, (_, index) => {
    const id = (from + index).toString(16);
    const infohash = hasTorrent ? parseSwarmId(id.padStart(40, '0')) : undefined;
    const blobId = parseBlobId(id.padStart(64, '0'));
    return { blobId, sizeBytes: 1, heldBytes: 1, repository: 'r/app', infohash };
  });
}

t.test('half of them are blobs in use, however many are offered', (t) => {
  const plain = blobs(REPORT_BLOBS_MAX, 1000, false);
  const read = blobs(3, 2000, true);
  const offered = blobs(REPORT_BLOBS_MAX, 3000, true);
  const told = chooseTold([...plain, ...read], offered);
  t.equal(told.length, REPORT_BLOBS_MAX);
  t.equal(told.filter((blob) => plain.includes(blob)).length, REPORT_BLOBS_MAX / 2);
  t.same(told.slice(0, 3), read, 'those that are both come first');
  t.end();
});

t.test('what one kind does not need the other has', (t) => {
  const [one] = blobs(1, 1000, false);
  if (one === undefined) throw new Error('no blob');
  const offered = blobs(REPORT_BLOBS_MAX + 5, 3000, true);
  t.same(chooseTold([one], offered), [...offered.slice(0, REPORT_BLOBS_MAX - 1), one]);
  const plain = blobs(REPORT_BLOBS_MAX + 5, 1000, false);
  t.equal(
    chooseTold(plain, offered.slice(0, 2)).filter((blob) => plain.includes(blob)).length,
    REPORT_BLOBS_MAX - 2,
  );
  t.same(chooseTold([], offered.slice(0, 2)), offered.slice(0, 2));
  t.end();
});

/** At a record's place: its image, a stranger's mount, or one over the other. */
import { parseMountInfo } from '@shoal/linux';
import { parseDigest } from '@shoal/oci';
import t from 'tap';
import { mountsAt } from '../src/mounts/own-mounts.ts';

const HEX = 'ab'.repeat(32);
const bootstrapDigest = parseDigest(`sha256:${HEX}`);
const TABLE = parseMountInfo(
  [
    `30 1 0:50 / /m/own ro - erofs /r/images/${HEX}/image.boot ro,directio`,
    '31 1 0:51 / /m/long ro - erofs /proc/self/fd/31 ro',
    '32 1 0:52 / /m/over rw - overlay shoal rw,lowerdir+=/l,upperdir=/r\\\\054/writable/ef/upper,workdir=/w',
    '33 1 0:53 / /m/image ro - erofs /srv/another.erofs ro',
    '34 1 8:1 / /m/disk rw - ext4 /dev/sdb1 rw',
    `35 1 0:50 / /m/covered ro - erofs /r/images/${HEX}/image.boot ro`,
    '36 1 8:1 / /m/covered rw - ext4 /dev/sdb1 rw',
  ].join('\n'),
);
const ofImage = (mountpoint: string) => mountsAt({ mountpoint, bootstrapDigest }, TABLE);
const ofOverlay = (mountpoint: string) =>
  mountsAt({ mountpoint, bootstrapDigest, writableDirectory: '/other/writable/ef' }, TABLE);

t.test('ours', async (t) => {
  const own = { isOwnThere: true, stranger: undefined };
  for (const mountpoint of ['/m/own', '/m/long']) t.same(ofImage(mountpoint), own, mountpoint);
  t.same(ofOverlay('/m/over'), own);
  t.same(ofImage('/m/nothing'), { isOwnThere: false, stranger: undefined });
});

t.test("somebody else's", async (t) => {
  const not = (stranger: string) => ({ isOwnThere: false, stranger });
  t.same(ofImage('/m/image'), not('erofs (/srv/another.erofs)'));
  t.same(ofImage('/m/over'), not('overlay (shoal)'));
  t.same(ofOverlay('/m/disk'), not('ext4 (/dev/sdb1)'));
  t.same(ofImage('/m/covered'), { isOwnThere: true, stranger: 'ext4 (/dev/sdb1)' });
});

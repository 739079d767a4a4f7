/** Mounts of a root that no record speaks of are named; everybody else's are left alone. */
import { parseMountInfo } from '@shoal/linux';
import t from 'tap';
import { orphanProblems } from '../src/mounts/orphan-mounts.ts';

const MOUNTS = parseMountInfo(
  [
    '30 1 0:50 / /m/known ro - erofs /r/images/ab/image.boot ro,directio',
    '31 1 0:51 / /m/lost ro - erofs /r/images/cd/image.boot ro,directio',
    '32 1 0:52 / /m/over rw - overlay shoal rw,lowerdir+=/l,upperdir=/r/writable/ef/upper,workdir=/w',
    '33 1 0:53 / /m/other ro - erofs /r2/images/ab/image.boot ro',
    '34 1 0:54 / /m/docker rw - overlay overlay rw,lowerdir=/a,upperdir=/b/upper,workdir=/c',
    '35 1 8:1 / / rw - ext4 /dev/sda1 rw',
  ].join('\n'),
);

t.test('only what is of this root and in no record', async (t) => {
  t.match(orphanProblems(MOUNTS, '/r', new Set(['/m/known'])), [
    /^\/m\/lost: .*record is lost: umount -l \/m\/lost$/,
    /^\/m\/over: /,
  ]);
});

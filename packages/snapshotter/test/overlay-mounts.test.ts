/** What a client is told to mount, for every kind and number of directories. */
import t from 'tap';
import { overlayFeatures } from '../src/snapshots/overlay-features.ts';
import { type MountInput, overlayMounts } from '../src/snapshots/overlay-mounts.ts';

const PATHS = { upper: '/r/9/fs', work: '/r/9/work', labels: {} };
const FEATURES = { options: ['index=off'], mapsIds: true };
const MAPPED = {
  'containerd.io/snapshot/uidmapping': '0:1:2',
  'containerd.io/snapshot/gidmapping': '0:3:4',
};

const mount = (input: Partial<MountInput> & Pick<MountInput, 'kind' | 'lowers'>) =>
  overlayMounts({ ...PATHS, ...input }, FEATURES).map(
    ({ type, source, options }) => `${type} ${source} ${options.join(',')}`,
  );

t.test('one directory is a bind mount, more are an overlay', async (t) => {
  t.same(mount({ kind: 'active', lowers: [] }), ['bind /r/9/fs rw,rbind']);
  t.same(mount({ kind: 'view', lowers: [] }), ['bind /r/9/fs ro,rbind']);
  t.same(mount({ kind: 'view', lowers: ['/a'] }), ['bind /a ro,rbind']);
  t.same(mount({ kind: 'view', lowers: ['/a', '/b'] }), [
    'overlay overlay lowerdir=/a:/b,index=off',
  ]);
  t.same(mount({ kind: 'active', lowers: ['/a'] }), [
    'overlay overlay workdir=/r/9/work,upperdir=/r/9/fs,lowerdir=/a,index=off',
  ]);
});

t.test('id mappings come first, and only where the kernel knows them', async (t) => {
  const labels = MAPPED;
  t.same(mount({ kind: 'active', lowers: [], labels }), [
    'bind /r/9/fs uidmap=0:1:2,gidmap=0:3:4,rw,rbind',
  ]);
  t.match(
    mount({ kind: 'active', lowers: ['/a'], labels })[0],
    /uidmap=0:1:2,gidmap=0:3:4,workdir/,
  );
  t.match(mount({ kind: 'view', lowers: ['/a'], labels })[0], /^bind \/a uidmap=/);
  const [plain] = overlayMounts(
    { ...PATHS, kind: 'active', lowers: ['/a'], labels },
    { options: [], mapsIds: false },
  );
  t.same(plain?.options, ['workdir=/r/9/work', 'upperdir=/r/9/fs', 'lowerdir=/a']);
});

t.test('128 layers take less than a page once the client has changed its directory', async (t) => {
  const lowers = Array.from({ length: 128 }, (_, n) => `/var/lib/shoal/snapshots/${99_999 - n}/fs`);
  const [{ options = [] } = {}] = overlayMounts({ ...PATHS, kind: 'active', lowers }, FEATURES);
  const compact = options.join(',').replaceAll('/var/lib/shoal/snapshots/', '');
  t.ok(compact.length < 4096 - 512, `${compact.length} bytes`);
});

t.test('the features of this host', async (t) => {
  const { options } = overlayFeatures('/');
  t.ok(
    options.every((option) => ['index=off', 'userxattr'].includes(option)),
    options.join(),
  );
});

/**
 * What containerd's overlayfs snapshotter shows of an image, next to Shoal's mount of the same image
 * converted: the differences are those of docs/trees.md, and no others.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import {
  buildLayout,
  buildTortureLayout,
  compareListings,
  listTree,
  requireTool,
  runChecked,
  type TarSpec,
  type TreeRecord,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { type Containerd, requireContainerd, startContainerd } from '../support/containerd.ts';
import { mountWorld } from '../support/mounted-image.ts';
import { root } from '../support/source-files.ts';

/** Differences (containerd's view first) by the row of docs/trees.md that tells of them. */
type Documented = Readonly<Record<string, readonly string[]>>;

/** containerd refuses the image with these. */
const LINKS_TO_LOWER_LAYERS = ['hard-to-lower', 'third-layer/hard'];

const CHANGED_WITHOUT_ENTRY =
  'time of a directory in which an upper layer without an entry for it changes something';

const TORTURE: Documented = {
  'link count of a directory': [
    '"": links is 1, not 14',
    '"etc": links is 1, not 2',
    '"keep-mode": links is 1, not 2',
    '"removed": links is 1, not 2',
  ],
  'link count of a file with several names, some removed or replaced by upper layers': [
    '"hard-a": links is 3, not 2',
    '"hard-c": links is 3, not 2',
  ],
  'time of the root directory': ['"": mtime is the clock, not 1600000000000000000'],
  'time of a directory that has no entry in any layer': [
    '"implicit": mtime is the clock, not 0',
    '"implicit/deep": mtime is the clock, not 0',
  ],
  [CHANGED_WITHOUT_ENTRY]: ['"keep-mode": mtime is the clock, not 1600000000000000000'],
  'times before 1970 and after 2262': ['"old": mtime is 0, not -86399750000000'],
};

const EDGES: Documented = {
  'link count of a directory': [
    '"": links is 1, not 6',
    '"elsewhere": links is 1, not 2',
    '"remade": links is 1, not 2',
    '"setgid": links is 1, not 3',
  ],
  'time of the root directory': ['"": mtime is the clock, not 1600000000000000000'],
  'times before 1970 and after 2262': ['"far": mtime is 0, not 9999999999500000000'],
  '`trusted.*` attributes': [
    '"elsewhere": xattrs is , not trusted.overlay.opaque=0x79',
    '"trusted": xattrs is user.x=0x76, not trusted.overlay.x=0x76 trusted.x=0x76 user.x=0x76',
  ],
  '0:0 character devices': ['only in the second: "device"', 'only in the second: "replaced"'],
  'a directory without an entry below a setgid directory': [
    '"setgid/implicit": mode is 755, not 2755',
  ],
  'time of a directory that has no entry in any layer': [
    '"setgid/implicit": mtime is the clock, not 0',
  ],
  [CHANGED_WITHOUT_ENTRY]: ['"setgid": mtime is the clock, not 1600000000000000000'],
  'a layer that removes a directory and makes it again': ['only in the first: "remade/old"'],
  'an entry below a symlink of a lower layer': [
    '"way": type is directory, not symlink',
    '"way": links is 2, not 1',
    '"way": mode is 755, not 777',
    '"way": mtime is the clock, not 1600000000000000000',
    '"way": size is 0, not 6',
    '"way": target is , not target',
    'only in the first: "way/through"',
    'only in the second: "target/through"',
  ],
};

const FILE_AND_WHITEOUT: readonly TarSpec[] = [{ name: 'file' }, { name: '.wh.file' }];

const ONE_LAYER: Documented = {
  'time of the root directory': ['"": mtime is the clock, not 1600000000000000000'],
  'a file and its whiteout in the same layer': ['only in the second: "file"'],
};

t.test('the torture image', async (t) => {
  if (!requireContainerd(t) || !requireTool(t, 'tar', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const containerd = await startContainerd(t);

  await t.test('hard links to files of lower layers', async (t) => {
    const layout = buildTortureLayout(join(directory, 'all'));
    const message = /link \S+ \S+hard-to-lower: no such file or directory/;
    await t.rejects(importLayout(containerd, layout), { message });
  });

  await t.test('without them', async (t) => {
    const layout = buildTortureLayout(join(directory, 'source'), 'gzip', {
      leaveOut: LINKS_TO_LOWER_LAYERS,
    });
    t.same(await differences(t, containerd, layout), linesOf(TORTURE));
  });
});

t.test('what layers can say and overlayfs cannot hold', async (t) => {
  if (!requireContainerd(t) || !requireTool(t, 'tar', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const containerd = await startContainerd(t);

  await t.test('seen otherwise', async (t) => {
    const layers = edgeLayers().map((entries) => ({ tar: writeTar(entries) }));
    const layout = buildLayout({ directory: join(directory, 'edges'), layers });
    t.same(await differences(t, containerd, layout), linesOf(EDGES));
  });

  await t.test('one layer alone', async (t) => {
    const [entries = []] = edgeLayers();
    const isPlain = ({ name }: TarSpec) => /^(\.\/$|way|remade|target)/.test(String(name));
    const tar = writeTar([...entries.filter(isPlain), ...FILE_AND_WHITEOUT]);
    const layout = buildLayout({ directory: join(directory, 'one'), layers: [{ tar }] });
    t.same(await differences(t, containerd, layout), linesOf(ONE_LAYER));
  });

  await t.test('a file and its whiteout in an upper layer', async (t) => {
    const layers = [[], FILE_AND_WHITEOUT].map((entries) => ({ tar: writeTar(entries) }));
    const layout = buildLayout({ directory: join(directory, 'whiteout'), layers });
    const message = /whiteout file "\.wh\.file": file exists/;
    await t.rejects(importLayout(containerd, layout), { message });
  });
});

t.test('every difference is a row of docs/trees.md', async (t) => {
  const rows = readFileSync(join(root, 'docs', 'trees.md'), 'utf8').split('\n');
  const kinds = new Set([TORTURE, EDGES, ONE_LAYER].flatMap(Object.keys));
  for (const kind of kinds)
    t.ok(
      rows.some((row) => row.startsWith(`| ${kind} |`)),
      kind,
    );
});

function edgeLayers(): TarSpec[][] {
  const lower: TarSpec[] = [
    { name: './', type: 'directory' },
    { name: 'device', type: 'character', device: [0, 0] },
    { name: 'replaced', content: 'x' },
    {
      name: 'trusted',
      content: 'x',
      xattrs: { 'trusted.x': 'v', 'trusted.overlay.x': 'v', 'user.x': 'v' },
    },
    { name: 'elsewhere/', type: 'directory' },
    { name: 'elsewhere/below', content: 'x' },
    { name: 'setgid/', type: 'directory', mode: 0o2775, gid: 77 },
    { name: 'target/', type: 'directory' },
    { name: 'way', type: 'symlink', link: 'target' },
    { name: 'remade/', type: 'directory' },
    { name: 'remade/old', content: 'x' },
    { name: 'far', content: 'x', pax: { mtime: '9999999999.5' } },
  ];
  const upper: TarSpec[] = [
    { name: 'elsewhere/', type: 'directory', xattrs: { 'trusted.overlay.opaque': 'y' } },
    { name: 'replaced', type: 'character', device: [0, 0] },
    { name: 'setgid/implicit/file', content: 'x' },
    { name: 'way/through', content: 'x' },
    { name: '.wh.remade' },
    { name: 'remade/', type: 'directory' },
    { name: 'remade/new', content: 'x' },
  ];
  return [lower, upper];
}

function linesOf(documented: Documented): string[] {
  return Object.values(documented).flat().toSorted();
}

/** In what containerd's view of an image differs from Shoal's; times of the run are `the clock`. */
async function differences(t: Test, containerd: Containerd, layout: string): Promise<string[]> {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const theirs = (await viewOf(containerd, layout)).map((record) => withClock(record, startNs));
  return compareListings(theirs, await mountedTree(t, layout)).toSorted();
}

function withClock(record: TreeRecord, startNs: bigint): TreeRecord {
  return BigInt(record.mtime) < startNs ? record : { ...record, mtime: 'the clock' };
}

async function viewOf(containerd: Containerd, layout: string): Promise<TreeRecord[]> {
  const image = await importLayout(containerd, layout);
  const mountpoint = join(containerd.directory, `view-${basename(layout)}`);
  mkdirSync(mountpoint);
  await containerd.ctr(['images', 'mount', '--snapshotter', 'overlayfs', image, mountpoint]);
  return listTree(mountpoint);
}

/** The image's name in containerd, where it is unpacked. */
async function importLayout(containerd: Containerd, layout: string): Promise<string> {
  const base = `shoal.test/${basename(layout)}`;
  const archive = join(containerd.directory, `${basename(layout)}.tar`);
  await runChecked('tar', ['--create', '--file', archive, '--directory', layout, '.']);
  const options = ['--snapshotter', 'overlayfs', '--base-name', base];
  await containerd.ctr(['images', 'import', ...options, archive]);
  return `${base}:latest`;
}

async function mountedTree(t: Test, layout: string): Promise<TreeRecord[]> {
  const world = mountWorld(t);
  const converted = `oci:${join(world.directory, 'converted')}`;
  await convertImage({
    source: parseReference(`oci:${layout}`),
    target: parseReference(converted),
  });
  const mountpoint = world.mountpoint('tree');
  await world.mount({ reference: converted, mountpoint });
  return listTree(mountpoint);
}

/**
 * Damaged bootstraps through everything that reads them: what is wrong is a coded error, or the
 * damage makes no difference. Nothing crashes, nothing runs on.
 */
import { ShoalError } from '@shoal/errors';
import { parseReference } from '@shoal/oci';
import { openBootstrap, verifyBootstrap } from '@shoal/rafs';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { BootstrapTreeView } from '../src/image/bootstrap-tree-view.ts';
import {
  convertImage,
  DUMP_STRUCTURES,
  dumpBlobs,
  dumpChunks,
  dumpInode,
  dumpPrefetch,
  dumpSuperblock,
  entryFacts,
  formatLongEntry,
  listTree,
  openConvertedImage,
} from '../src/index.ts';
import { bootstrapFacts } from '../src/inspect/bootstrap-facts.ts';

t.setTimeout(200_000);
const ROUNDS = 300;

/** One of each kind of object. */
const ENTRIES = [
  { name: 'file', content: noise(20_000, 'file'), xattrs: { 'user.a': 'b' } },
  { name: 'link', type: 'hardlink', link: 'file' },
  { name: 'directory/below/deep', content: 'deep' },
  { name: 'symlink', type: 'symlink', link: 'directory/below' },
  { name: 'null', type: 'character', device: [1, 3] },
  { name: 'pipe', type: 'fifo' },
] as const;

/** Small and the same in every run (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Everything the commands do with a bootstrap; gives how much they printed. */
function readEverything(bytes: Buffer): number {
  const bootstrap = openBootstrap(bytes);
  const summary = verifyBootstrap(bootstrap);
  const view = new BootstrapTreeView(bootstrap);
  let printed = JSON.stringify(bootstrapFacts(view, summary)).length;
  for (const entry of listTree(view, { isRecursive: true })) {
    printed += formatLongEntry(entry).length + JSON.stringify(entryFacts(entry)).length;
  }
  const dumps = [dumpSuperblock(bootstrap), dumpBlobs(bootstrap), dumpPrefetch(view)];
  printed += JSON.stringify([...dumps, ...dumpChunks(bootstrap), dumpInode(view, '/')]).length;
  return printed;
}

t.test('a sound bootstrap, and the same with bytes changed', async (t) => {
  const directory = temporaryDirectory(t);
  const layers = [{ tar: writeTar(ENTRIES) }];
  const source = parseReference(`oci:${buildLayout({ directory: `${directory}/source`, layers })}`);
  const target = parseReference(`oci:${directory}/target`);
  await convertImage({ source, target, chunkSizeBytes: 4096 });
  await using image = await openConvertedImage(target);
  const sound = image.layer.bootstrap;
  t.equal(DUMP_STRUCTURES.length, 5);
  t.ok(readEverything(sound) > 5000);
  const random = randomNumbers(20_261_128);
  const outcomes = { refused: 0, read: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Buffer.from(sound);
    const flips = 1 + random(4);
    for (let flip = 0; flip < flips; flip++) {
      // Every other flip hits the superblocks and tables at the start.
      bytes.writeUInt8(random(256), random(round % 2 === 0 ? 8192 : bytes.length));
    }
    try {
      readEverything(round % 10 === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
      outcomes.read += 1;
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      outcomes.refused += 1;
    }
  }
  t.ok(outcomes.refused > 20, JSON.stringify(outcomes));
});

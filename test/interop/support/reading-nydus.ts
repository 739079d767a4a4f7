/** What every test that reads an image of real Nydus does: `cat`, `unpack` and mount it, and compare. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catFile, openConvertedImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { collectBounded } from '@shoal/registry-client';
import { buildLayout, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { type OwnDaemon, ownDaemon } from '../../support/own-daemon.ts';
import {
  differencesFrom,
  type ReferenceTree,
  unpackReference,
} from '../../support/reference-tree.ts';
import { runShoal } from '../../support/shoal-command.ts';
import type { NydusImage } from './nydus-maker.ts';

type Asserting = TestScope & {
  equal(found: unknown, wanted: unknown, message: string): unknown;
  same(found: unknown, wanted: unknown, message: string): unknown;
};

const FILE_BYTES_MAX = 1 << 26;

export type ReadingWorld = {
  readonly directory: string;
  /** OCI layout with the same layers, not converted. */
  readonly source: string;
  readonly reference: ReferenceTree;
  readonly daemon: OwnDaemon;
};

/** The layers as an ordinary image, unpacked by umoci; and a daemon that mounts. */
export async function readingWorld(t: TestScope, layers: readonly Buffer[]): Promise<ReadingWorld> {
  const directory = temporaryDirectory(t);
  const source = join(directory, 'source');
  buildLayout({ directory: source, layers: layers.map((tar) => ({ tar })) });
  const reference = await unpackReference(source, join(directory, 'bundle'));
  return { directory, source, reference, daemon: ownDaemon(t, directory) };
}

/** Nydus's builders give the root no time, and nydusd shows its own start instead. */
export function withoutRootTime(differences: readonly string[]): string[] {
  return differences.filter((line) => !line.startsWith('"": mtime'));
}

export type Reading = {
  readonly image: NydusImage;
  /** An empty directory for what is read. */
  readonly work: string;
  /** Files read one by one, from the image and first thing from the mount. */
  readonly files?: readonly string[];
  readonly whileMounted?: (mountpoint: string) => Promise<void>;
};

/** Reads the image in every way; each has to give what umoci unpacked. */
export async function checkReading(
  t: Asserting,
  { reference: original, daemon }: ReadingWorld,
  { image, work, files = [], whileMounted }: Reading,
): Promise<void> {
  const expected = (name: string) => readFileSync(join(original.path, name), 'utf8');
  const reference = `oci:${image.layout}`;
  await using opened = await openConvertedImage(parseReference(reference));
  for (const name of files) {
    const bytes = await collectBounded(catFile(opened, `/${name}`), FILE_BYTES_MAX, name);
    t.equal(String(bytes), expected(name), `cat ${name}`);
  }

  const plain = join(work, 'plain');
  await runShoal(['unpack', '--source', reference, '--target', `oci:${plain}`]);
  const unpacked = await unpackReference(plain, join(work, 'bundle'));
  t.same(withoutRootTime(await differencesFrom(original, unpacked.path)), [], 'unpack');

  const mountpoint = join(work, 'mount');
  mkdirSync(mountpoint);
  await runShoal(['mount', reference, mountpoint], { env: daemon.env });
  for (const name of files) {
    t.equal(readFileSync(join(mountpoint, name), 'utf8'), expected(name), `mounted ${name}`);
  }
  t.same(withoutRootTime(await differencesFrom(original, mountpoint)), [], 'mount');
  await whileMounted?.(mountpoint);
  await runShoal(['unmount', mountpoint], { env: daemon.env });
}

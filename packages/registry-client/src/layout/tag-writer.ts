/**
 * Points a tag of a layout at a manifest: reads `index.json`, changes one entry, replaces the file
 * in one step. Calls for the same layout wait for each other, those of other processes too.
 */
import { join } from 'node:path';
import { type Descriptor, encodeManifest, parseManifest } from '@shoal/oci';
import type { FileTree } from '../local/file-tree.ts';
import { withPathLock } from '../local/path-lock.ts';
import { replaceFile } from './ingest.ts';
import { EMPTY_INDEX, INDEX_FILE, readLayoutIndex, withEntry } from './layout-index.ts';

export type TagChange = {
  readonly descriptor: Descriptor;
  /** The manifest itself. */
  readonly bytes: Buffer;
  /** Undefined: list the manifest only when it refers to another one. */
  readonly tag: string | undefined;
  /** On the same file system, free for use. */
  readonly temporaryPath: string;
};

const LOCK_FILE = '.shoal-lock';
const turns = new Map<string, Promise<unknown>>();

/** Returns false when there was nothing to list. */
export async function setTag(path: string, tree: FileTree, change: TagChange): Promise<boolean> {
  const document = parseManifest(change.bytes, `manifest ${change.descriptor.digest}`);
  if (change.tag === undefined && document.subject === undefined) return false;
  const artifactType = document.artifactType;
  const descriptor =
    artifactType === undefined ? change.descriptor : { ...change.descriptor, artifactType };
  await inTurn(path, async () => {
    await withPathLock(join(path, LOCK_FILE), () => list());
  });
  return true;

  async function list(): Promise<void> {
    const hasIndex = (await tree.sizeOf(INDEX_FILE)) !== undefined;
    const index = hasIndex ? (await readLayoutIndex(tree)).index : EMPTY_INDEX;
    const bytes = encodeManifest(withEntry(index, descriptor, change.tag));
    await replaceFile(join(path, INDEX_FILE), bytes, change.temporaryPath);
  }
}

async function inTurn(key: string, work: () => Promise<void>): Promise<void> {
  const before = turns.get(key) ?? Promise.resolve();
  const mine = before.then(work, work);
  turns.set(key, mine);
  try {
    await mine;
  } finally {
    if (turns.get(key) === mine) turns.delete(key);
  }
}

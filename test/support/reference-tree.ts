/** What umoci unpacks as root: the reference for every tree. */
import { join } from 'node:path';
import {
  compareListings,
  type ListTreeOptions,
  listTree,
  runChecked,
  type TreeRecord,
} from '@shoal/test-kit';

export type ReferenceTree = {
  readonly path: string;
  readonly records: readonly TreeRecord[];
  /** When the unpacking began: later times are the clock, not the image. */
  readonly startNs: bigint;
};

/** Unpacks the image of an OCI layout (tag `latest`) and lists it. */
export async function unpackReference(layout: string, bundle: string): Promise<ReferenceTree> {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  await runChecked('umoci', ['unpack', '--image', `${layout}:latest`, bundle], {
    timeoutMs: 240_000,
  });
  const path = join(bundle, 'rootfs');
  return { path, records: await listTree(path), startNs };
}

/** In what a tree differs from the reference; empty when it does not. */
export async function differencesFrom(
  reference: ReferenceTree,
  tree: string,
  options: ListTreeOptions = {},
): Promise<string[]> {
  const records = await listTree(tree, options);
  return compareListings(records, reference.records, { clockFromNs: reference.startNs });
}

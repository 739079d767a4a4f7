/** Where an unfinished file lies: its directory, the name that it will have, and the names until then. */
import { join } from 'node:path';
import type { HeldDirectory } from '../target/held-directory.ts';

export type PartialPlace = { readonly directory: HeldDirectory; readonly name: string };

/** The bytes, what says how many of them count, and that while it is being written. */
export type PartialKind = 'partial' | 'journal' | 'next';

export const PARTIAL_KINDS: readonly PartialKind[] = ['partial', 'journal', 'next'];

/** For system calls. */
export function pathOf({ directory, name }: PartialPlace, kind: PartialKind): string {
  return directory.path(`${name}.shoal-${kind}`);
}

/** For messages. */
export function shownOf({ directory, name }: PartialPlace, kind: PartialKind): string {
  return join(directory.shown, `${name}.shoal-${kind}`);
}

/** Inodes of images that tests write: nothing about them but what a test says. */
import { type BuildInode, byteStringFromText, InodeKind } from '@shoal/rafs';

type InodeAttributes = Partial<Omit<BuildInode, 'kind'>>;

/** All but the kind: owned by root, of the epoch, without content. */
export const PLAIN_INODE: Omit<BuildInode, 'kind'> = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  seconds: 0,
  nanoseconds: 0,
  rdev: 0,
  xattrs: [],
  size: 0,
  chunks: undefined,
  target: byteStringFromText(''),
  children: undefined,
};

/** A directory that anybody may enter. */
export function directory(
  children: Readonly<Record<string, BuildInode>>,
  attributes: InodeAttributes = {},
): BuildInode {
  const entries = Object.entries(children).map(
    ([name, inode]) => [byteStringFromText(name), { inode }] as const,
  );
  const kind = InodeKind.directory;
  return { ...PLAIN_INODE, kind, mode: 0o755, children: new Map(entries), ...attributes };
}

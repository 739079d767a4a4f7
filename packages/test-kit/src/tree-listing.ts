/**
 * One comparable record per name of a tree on disk, and the differences of two such trees: names,
 * types, modes, owners, times, extended attributes, link counts and identities, device numbers,
 * sizes, content. Paths are latin1 strings, one character per byte.
 */
import { createHash } from 'node:crypto';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { runChecked } from './run-command.ts';

export type TreeRecord = {
  readonly path: string;
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  readonly mtime: string;
  readonly rdev: number;
  readonly size: number;
  readonly links: number;
  /** The first name, in byte order, of the same inode. */
  readonly sameAs: string;
  readonly target: string;
  readonly xattrs: string;
  /** sha256 of the content of a regular file. */
  readonly content: string;
};

export type ListTreeOptions = {
  /** Leaves file contents unread. @default false */
  readonly withoutContent?: boolean;
  /** What of a number of an inode is the file's own. @default all of it */
  readonly inodeOf?: (number: bigint) => bigint;
};

const READ_BYTES = 1 << 20;

const TYPES: Readonly<Record<number, string>> = {
  1: 'fifo',
  2: 'character',
  4: 'directory',
  6: 'block',
  8: 'regular',
  10: 'symlink',
  12: 'socket',
};

/**
 * Lists a whole tree, depth first, names in byte order. The root's path is ''. Nothing blocks the
 * event loop: the tree may be served by something that this very process keeps going.
 */
export async function listTree(root: string, options: ListTreeOptions = {}): Promise<TreeRecord[]> {
  const { withoutContent = false, inodeOf = (number) => number } = options;
  const xattrs = await readAllXattrs(root);
  const records: TreeRecord[] = [];
  const firstNames = new Map<bigint, string>();
  const visit = async (path: string): Promise<void> => {
    const full = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
    const stats = await lstat(full, { bigint: true });
    const type = TYPES[Number(stats.mode >> 12n)] ?? 'unknown';
    const inode = inodeOf(stats.ino);
    const sameAs = firstNames.get(inode) ?? path;
    firstNames.set(inode, sameAs);
    const wantsContent = type === 'regular' && !withoutContent;
    records.push({
      path,
      type,
      mode: (Number(stats.mode) & 0o7777).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtime: `${stats.mtimeNs}`,
      rdev: type === 'character' || type === 'block' ? Number(stats.rdev) : 0,
      size: type === 'directory' ? 0 : Number(stats.size),
      links: Number(stats.nlink),
      sameAs,
      target: type === 'symlink' ? (await readlink(full, 'buffer')).toString('latin1') : '',
      xattrs: xattrs.get(path) ?? '',
      content: wantsContent ? await digestFile(full) : '',
    });
    if (type !== 'directory') return;
    const entries = await readdir(full, { encoding: 'buffer' });
    const names = entries.map((name) => name.toString('latin1')).toSorted(compareText);
    for (const name of names) await visit(path === '' ? name : `${path}/${name}`);
  };
  await visit('');
  return records;
}

function compareText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

async function digestFile(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
}

/** `getfattr` writes bytes of names as octal escapes. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

async function readAllXattrs(root: string): Promise<Map<string, string>> {
  const flags = ['-h', '-R', '-P', '-d', '-m', '-', '-e', 'hex', '.'];
  const { stdout } = await runChecked('getfattr', flags, { cwd: root, timeoutMs: 300_000 });
  const found = new Map<string, string>();
  for (const block of stdout.split('\n\n')) {
    const [head, ...rest] = block.split('\n');
    if (head === undefined || !head.startsWith('# file: ')) continue;
    const path = unescapeOctal(head.slice('# file: '.length)).replace(/^\.\/?/, '');
    const kept = rest.filter((line) => line !== '' && !line.startsWith('security.selinux'));
    found.set(path, kept.map(unescapeOctal).toSorted().join(' '));
  }
  return found;
}

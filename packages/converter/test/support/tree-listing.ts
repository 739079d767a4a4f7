/**
 * One comparable line per name of a tree: from a directory on disk, and from the merged tree in
 * memory. Two trees are the same when their lists are.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ByteString } from '@shoal/rafs';
import { byteString, bytesOf } from '@shoal/rafs';
import type { Directory, Inode } from '../../src/layer/image-tree.ts';

export type Line = {
  path: string;
  type: string;
  mode: string;
  owner: string;
  mtime: string;
  rdev: number;
  size: number;
  links: number;
  /** First name, in byte order, of the same inode. */
  sameAs: string;
  target: string;
  xattrs: string;
  content: string;
};

/** `getfattr` escapes bytes as octal. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

function xattrsOnDisk(root: string): Map<string, string> {
  const output = execFileSync('getfattr', ['-h', '-R', '-P', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: root,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  const found = new Map<string, string>();
  for (const block of output.split('\n\n')) {
    const [head, ...rest] = block.split('\n');
    if (head === undefined || !head.startsWith('# file: ')) continue;
    const path = unescapeOctal(head.slice('# file: '.length)).replace(/^\.\/?/, '');
    const kept = rest.filter((line) => line !== '' && !line.startsWith('security.selinux'));
    found.set(path, kept.map(unescapeOctal).sort().join(' '));
  }
  return found;
}

const TYPES: Readonly<Record<number, string>> = {
  8: 'file',
  4: 'dir',
  10: 'symlink',
  2: 'char',
  6: 'block',
  1: 'fifo',
  12: 'socket',
};

export function listDirectory(root: string): Line[] {
  const xattrs = xattrsOnDisk(root);
  const lines: Line[] = [];
  const first = new Map<bigint, string>();
  const visit = (path: string) => {
    const full = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
    const stats = lstatSync(full, { bigint: true });
    const type = TYPES[Number(stats.mode >> 12n)] ?? '?';
    if (!first.has(stats.ino)) first.set(stats.ino, path);
    lines.push({
      path,
      type,
      mode: (Number(stats.mode) & 0o7777).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtime: `${stats.mtimeNs}`,
      rdev: type === 'char' || type === 'block' ? Number(stats.rdev) : 0,
      size: type === 'dir' ? 0 : Number(stats.size),
      links: Number(stats.nlink),
      sameAs: first.get(stats.ino) ?? path,
      target: type === 'symlink' ? byteString(readlinkSync(full, { encoding: 'buffer' })) : '',
      xattrs: xattrs.get(path) ?? '',
      content: type === 'file' ? createHash('sha256').update(readFileSync(full)).digest('hex') : '',
    });
    if (type !== 'dir') return;
    const names = readdirSync(full, { encoding: 'buffer' }).map(byteString).sort();
    for (const name of names) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return lines;
}

const KINDS = ['file', 'dir', 'symlink', '?', 'char', 'block', 'fifo', 'socket'];

export function listTree(root: Directory, contentOf: (inode: Inode) => string): Line[] {
  const links = new Map<Inode, number>();
  const count = (directory: Inode) => {
    for (const { inode } of directory.children?.values() ?? []) {
      links.set(inode, (links.get(inode) ?? 0) + 1);
      if (inode.children !== undefined) count(inode);
    }
  };
  count(root);
  const lines: Line[] = [];
  const first = new Map<Inode, string>();
  const visit = (path: string, inode: Inode) => {
    const { children } = inode;
    const subdirectories = [...(children?.values() ?? [])].filter((d) => d.inode.children).length;
    if (!first.has(inode)) first.set(inode, path);
    lines.push({
      path,
      type: KINDS[inode.kind] ?? '?',
      mode: inode.mode.toString(8),
      owner: `${inode.uid}:${inode.gid}`,
      mtime: `${BigInt(inode.seconds) * 1_000_000_000n + BigInt(inode.nanoseconds)}`,
      rdev: inode.rdev,
      size: inode.size,
      links: children === undefined ? (links.get(inode) ?? 1) : 2 + subdirectories,
      sameAs: first.get(inode) ?? path,
      target: inode.target,
      xattrs: inode.xattrs.map(xattrText).sort().join(' '),
      content: inode.kind === 0 ? contentOf(inode) : '',
    });
    const names = [...(children?.keys() ?? [])].sort() as ByteString[];
    for (const name of names) {
      const child = children?.get(name);
      if (child !== undefined) visit(path === '' ? name : `${path}/${name}`, child.inode);
    }
  };
  visit('', root);
  return lines;
}

function xattrText(xattr: { name: ByteString; value: ByteString }): string {
  const hex = bytesOf(xattr.value).toString('hex');
  return hex === '' ? xattr.name : `${xattr.name}=0x${hex}`;
}

/**
 * File systems that are interfaces of the kernel: nothing is stored there, and nothing is mounted
 * over them. A recursive mkdir below /proc never ends in Node, so this is asked before making any.
 */
import { realpath, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** Whatever lies below these, file systems in memory under /dev included. */
const ROOTS: readonly string[] = ['/proc', '/sys', '/dev'];

/** `f_type` of statfs(2), from linux/magic.h: they may be mounted anywhere. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x9fa0, 'proc'],
  [0x6265_6572, 'sysfs'],
  [0x1cd1, 'devpts'],
  [0x0027_e0eb, 'cgroup'],
  [0x6367_7270, 'cgroup2'],
  [0x6462_6720, 'debugfs'],
  [0x7472_6163, 'tracefs'],
  [0x7363_6673, 'securityfs'],
  [0xcafe_4a11, 'bpf'],
  [0x6165_676c, 'pstore'],
  [0xde5e_81e4, 'efivarfs'],
  [0x6265_6570, 'configfs'],
  [0x1980_0202, 'mqueue'],
  [0x9584_58f6, 'hugetlbfs'],
  [0x4249_4e4d, 'binfmt_misc'],
  [0x6e73_6673, 'nsfs'],
]);

/**
 * The one a path lies in, for messages; undefined when it lies in an ordinary file system. The path
 * need not exist: its nearest ancestor that does counts, symbolic links followed. Never throws.
 */
export async function pseudoFileSystemOf(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  let existing: string | undefined;
  for (let current = resolve(path); ; current = dirname(current)) {
    existing = await realpath(current).catch(() => undefined);
    if (existing !== undefined || current === dirname(current)) break;
    missing.unshift(basename(current));
  }
  const real = join(existing ?? '/', ...missing);
  const root = ROOTS.find((known) => real === known || real.startsWith(`${known}/`));
  if (root !== undefined) return root;
  const facts = await statfs(existing ?? '/').catch(() => undefined);
  return facts === undefined ? undefined : NAMES.get(facts.type);
}

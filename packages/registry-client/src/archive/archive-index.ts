/**
 * Where the files of an image archive lie: one pass over the headers, content is skipped.
 */
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { isTarChecksumRight, isZeroBlock, quoted, TAR_BLOCK_SIZE, tarPadding } from '@shoal/oci';
import { ArchiveError } from '../errors.ts';
import { ARCHIVE_LINKS_MAX, ARCHIVE_MEMBERS_MAX, ARCHIVE_RECORD_BYTES_MAX } from '../limits.ts';
import { readExactly } from '../local/regular-file.ts';
import { decodeMemberHeader, decodePaxRecords, type MemberHeader } from './member-header.ts';

export type ArchiveMember = {
  readonly offset: number;
  readonly sizeBytes: number;
  /** Name of the member that holds the content instead. */
  readonly link: string | undefined;
};

export type ArchiveIndex = ReadonlyMap<string, ArchiveMember>;

const REMEDY = 'give an uncompressed archive written by docker save, podman, skopeo or shoal';

/** Throws `ERR_REGISTRY_CLIENT_ARCHIVE` for anything that is not a tar archive. */
export async function indexArchive(
  handle: FileHandle,
  sizeBytes: number,
  where: string,
): Promise<ArchiveIndex> {
  await refuseCompressed(handle, sizeBytes, where);
  const members = new Map<string, ArchiveMember>();
  let pending: PendingNames = {};
  let count = 0;
  for (let offset = 0; offset + TAR_BLOCK_SIZE <= sizeBytes; ) {
    const block = await readExactly(handle, offset, TAR_BLOCK_SIZE, where);
    if (offset === 0 && !isZeroBlock(block) && !isTarChecksumRight(block)) {
      throw new ArchiveError(`${where} is not an image archive`, { remedy: REMEDY });
    }
    const header = decodeMemberHeader(block, where);
    if (header === undefined) break;
    if (++count > ARCHIVE_MEMBERS_MAX) {
      throw new ArchiveError(`${where} has more than ${ARCHIVE_MEMBERS_MAX} entries`, {
        remedy: REMEDY,
      });
    }
    const content = offset + TAR_BLOCK_SIZE;
    const size = pending.sizeBytes ?? header.sizeBytes;
    if (content + size > sizeBytes) {
      throw new ArchiveError(`${where} ends inside ${quoted(header.name)}`, {
        remedy: 'the archive is cut short: copy it again',
      });
    }
    const names = await readNames(handle, content, header, pending, where);
    if (names === undefined) {
      addMember(members, header, pending, { offset: content, sizeBytes: size });
      pending = {};
    } else pending = names;
    offset = content + size + tarPadding(size);
  }
  return members;
}

/** What records in front of a member say of it. */
type PendingNames = { name?: string; linkName?: string; sizeBytes?: number };

/** The names known after a pax or GNU record; undefined when the header is a member itself. */
async function readNames(
  handle: FileHandle,
  offset: number,
  header: MemberHeader,
  pending: PendingNames,
  where: string,
): Promise<PendingNames | undefined> {
  if (!'xgLK'.includes(header.type)) return undefined;
  if (header.sizeBytes > ARCHIVE_RECORD_BYTES_MAX) {
    throw new ArchiveError(`${where}: a name of ${header.sizeBytes} bytes`, { remedy: REMEDY });
  }
  const bytes = await readExactly(handle, offset, header.sizeBytes, where);
  const text = bytes.toString('utf8').replace(/\0.*$/s, '');
  switch (header.type) {
    case 'L':
      return { ...pending, name: text };
    case 'K':
      return { ...pending, linkName: text };
    case 'g':
      return pending;
    default: {
      const records = decodePaxRecords(bytes);
      const size = records.get('size');
      return {
        ...pending,
        ...entry('name', records.get('path')),
        ...entry('linkName', records.get('linkpath')),
        ...(size !== undefined && /^\d{1,15}$/.test(size) ? { sizeBytes: Number(size) } : {}),
      };
    }
  }
}

function entry(key: 'name' | 'linkName', value: string | undefined): PendingNames {
  return value === undefined ? {} : { [key]: value };
}

function addMember(
  members: Map<string, ArchiveMember>,
  header: MemberHeader,
  pending: PendingNames,
  place: { offset: number; sizeBytes: number },
): void {
  const name = cleanName(pending.name ?? header.name);
  const target = pending.linkName ?? header.linkName;
  if (header.type === '0' || header.type === '7') members.set(name, { ...place, link: undefined });
  if (header.type === '1') members.set(name, { ...place, link: cleanName(target) });
  if (header.type === '2') {
    members.set(name, { ...place, link: cleanName(posix.join(posix.dirname(name), target)) });
  }
}

/** `./a//b` and `/a/b` are `a/b`. */
export function cleanName(name: string): string {
  return posix.normalize(`/${name}`).slice(1);
}

/** A member by name, links followed; undefined when there is none. */
export function findMember(index: ArchiveIndex, name: string): ArchiveMember | undefined {
  let current = cleanName(name);
  for (let followed = 0; followed <= ARCHIVE_LINKS_MAX; followed++) {
    const member = index.get(current);
    if (member?.link === undefined) return member;
    current = member.link;
  }
  return undefined;
}

async function refuseCompressed(handle: FileHandle, size: number, where: string): Promise<void> {
  const start = await readExactly(handle, 0, Math.min(6, size), where);
  const kinds: readonly (readonly [string, string])[] = [
    ['gzip', '1f8b'],
    ['zstd', '28b52ffd'],
    ['xz', 'fd377a585a'],
    ['bzip2', '425a68'],
  ];
  const found = kinds.find(([, magic]) => start.toString('hex').startsWith(magic));
  if (found !== undefined) {
    throw new ArchiveError(`${where} is compressed with ${found[0]}`, {
      remedy: `decompress it first with ${found[0]} -d`,
    });
  }
  if (size < TAR_BLOCK_SIZE) {
    throw new ArchiveError(`${where} is not an image archive`, { remedy: REMEDY });
  }
}

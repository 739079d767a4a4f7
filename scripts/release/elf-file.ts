/**
 * What a release must know of a program or library: for which processor it is, which libraries it
 * wants, and which version of the C library. 64-bit, little-endian ELF only.
 */

export type ElfFile = {
  readonly machine: 'x64' | 'arm64';
  /** Names of shared libraries, as in `libc.so.6`. */
  readonly needs: readonly string[];
  /** Highest `GLIBC_x.y` that is asked for, as [x, y]; undefined when none is. */
  readonly glibc: readonly [number, number] | undefined;
};

const MAGIC = Buffer.from('\x7fELF\x02\x01\x01', 'latin1');
const MACHINES = new Map([
  [62, 'x64'],
  [183, 'arm64'],
] as const);
const SECTION_DYNAMIC = 6;
const SECTION_VERSIONS_NEEDED = 0x6ffffffe;
const TAG_NEEDED = 1n;
const DYNAMIC_ENTRY_BYTES = 16;

type Section = {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
};

/** Whether the bytes are an ELF file at all. */
export function isElf(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(4, bytes.length)).equals(
    MAGIC.subarray(0, 4),
  );
}

/** @throws RangeError when it is not ELF of a kind that is released, or is cut off */
export function parseElf(bytes: Buffer): ElfFile {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new RangeError('not 64-bit ELF');
  const number = bytes.readUInt16LE(18);
  const machine = MACHINES.get(number as 62 | 183);
  if (machine === undefined) throw new RangeError(`ELF for machine ${number}`);
  const sections = parseSections(bytes);
  return { machine, needs: neededLibraries(bytes, sections), glibc: glibcOf(bytes, sections) };
}

function parseSections(bytes: Buffer): Section[] {
  const start = Number(bytes.readBigUInt64LE(0x28));
  const size = bytes.readUInt16LE(0x3a);
  const count = bytes.readUInt16LE(0x3c);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
    };
  });
}

function neededLibraries(bytes: Buffer, sections: readonly Section[]): string[] {
  const needs: string[] = [];
  for (const section of sections.filter(({ type }) => type === SECTION_DYNAMIC)) {
    const end = section.offset + section.size;
    for (let at = section.offset; at < end; at += DYNAMIC_ENTRY_BYTES) {
      if (bytes.readBigUInt64LE(at) !== TAG_NEEDED) continue;
      needs.push(readString(bytes, sections[section.link], Number(bytes.readBigUInt64LE(at + 8))));
    }
  }
  return needs;
}

/** Walks the version requirements (Verneed and Vernaux of the ELF specification's GNU part). */
function glibcOf(
  bytes: Buffer,
  sections: readonly Section[],
): readonly [number, number] | undefined {
  const versions: [number, number][] = [];
  for (const section of sections.filter(({ type }) => type === SECTION_VERSIONS_NEEDED)) {
    for (const name of versionNames(bytes, section, sections[section.link])) {
      const match = /^GLIBC_(\d+)\.(\d+)/.exec(name);
      if (match !== null) versions.push([Number(match[1]), Number(match[2])]);
    }
  }
  return versions.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1);
}

function versionNames(bytes: Buffer, section: Section, strings: Section | undefined): string[] {
  const names: string[] = [];
  let at = section.offset;
  for (;;) {
    let need = at + bytes.readUInt32LE(at + 8);
    for (let left = bytes.readUInt16LE(at + 2); left > 0; left -= 1) {
      names.push(readString(bytes, strings, bytes.readUInt32LE(need + 8)));
      need += bytes.readUInt32LE(need + 12);
    }
    const next = bytes.readUInt32LE(at + 12);
    if (next === 0) return names;
    at += next;
  }
}

function readString(bytes: Buffer, table: Section | undefined, offset: number): string {
  if (table === undefined) throw new RangeError('a string table is missing');
  const start = table.offset + offset;
  return bytes.toString('latin1', start, bytes.indexOf(0, start));
}

/**
 * The few fields of a tar header that finding files in an image archive needs, and the pax records
 * in front of it. Spec: POSIX ustar, pax; GNU long names and base-256 numbers.
 */
import {
  isTarChecksumRight,
  isZeroBlock,
  readTarName,
  readTarNumber,
  readTarText,
  TAR_FIELD,
} from '@shoal/oci';
import { ArchiveError } from '../errors.ts';

export type MemberHeader = {
  readonly name: string;
  readonly linkName: string;
  /** Type flag: `0` file, `1` hard link, `2` symbolic link, `x`/`g` pax, `L`/`K` GNU long name. */
  readonly type: string;
  /** Bytes of the content that follows. */
  readonly sizeBytes: number;
};

const REMEDY = 'the archive is damaged: write it again';

/** Undefined for a block of zeros. Throws `ERR_REGISTRY_CLIENT_ARCHIVE`. */
export function decodeMemberHeader(block: Buffer, where: string): MemberHeader | undefined {
  if (isZeroBlock(block)) return undefined;
  if (!isTarChecksumRight(block)) {
    throw new ArchiveError(`${where}: a header's checksum is wrong`, { remedy: REMEDY });
  }
  const sizeBytes = readTarNumber(block, TAR_FIELD.size);
  if (sizeBytes === undefined || sizeBytes < 0) {
    throw new ArchiveError(`${where}: a header holds a bad number`, { remedy: REMEDY });
  }
  return {
    name: readTarName(block).toString(),
    linkName: readTarText(block, TAR_FIELD.linkName).toString(),
    type: String.fromCharCode(block.readUInt8(TAR_FIELD.typeflag.offset) || 0x30),
    sizeBytes,
  };
}

/** Records of a pax header: `LENGTH KEY=VALUE\n`. What cannot be read ends the list. */
export function decodePaxRecords(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let start = 0; start < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, start);
    const length = space === -1 ? Number.NaN : Number(bytes.toString('latin1', start, space));
    const end = start + length;
    if (!Number.isSafeInteger(end) || end > bytes.byteLength || end <= space) break;
    const record = bytes.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    start = end;
  }
  return records;
}

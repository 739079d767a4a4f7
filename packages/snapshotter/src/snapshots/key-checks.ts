/** What a request may hold: bounds of names, labels and fields. Nothing of it ever names a file. */
import { SnapshotRequestError } from './errors.ts';
import type { Labels } from './lazy-layers.ts';
import {
  LABEL_BYTES_MAX,
  LABELS_BYTES_MAX,
  LABELS_MAX,
  SNAPSHOT_NAME_BYTES_MAX,
  TARGET_BYTES_MAX,
  UPDATE_FIELDS_MAX,
} from './limits.ts';

/** How containerd's unpacker names the snapshots it unpacks layers into. */
const UNPACK_KEY = /(?:^|\/)extract-[^/]*$/;

export function isUnpackKey(key: string): boolean {
  return UNPACK_KEY.test(key);
}

/** @throws SnapshotRequestError */
export function checkName(name: string, role: 'key' | 'name' | 'parent'): void {
  if (name === '') throw new SnapshotRequestError(`the ${role} is empty`);
  if (Buffer.byteLength(name) > SNAPSHOT_NAME_BYTES_MAX) {
    throw new SnapshotRequestError(
      `the ${role} is longer than ${SNAPSHOT_NAME_BYTES_MAX} bytes: ${name.slice(0, 64)}...`,
    );
  }
  if (name.includes('\0')) throw new SnapshotRequestError(`the ${role} holds a zero byte`);
  if (!isText(name)) throw new SnapshotRequestError(`the ${role} is not UTF-8`);
}

/** Bytes that are not UTF-8 arrive as U+FFFD: two names could be taken for one. */
function isText(text: string): boolean {
  return !text.includes('\uFFFD');
}

/** The chain id that a layer is wanted for: it becomes part of a name. @throws SnapshotRequestError */
export function checkTarget(chainId: string): void {
  if (Buffer.byteLength(chainId) > TARGET_BYTES_MAX) {
    throw new SnapshotRequestError(
      `the wanted chain id is longer than ${TARGET_BYTES_MAX} bytes: ${chainId.slice(0, 64)}...`,
    );
  }
  if (chainId.includes('\0'))
    throw new SnapshotRequestError('the wanted chain id holds a zero byte');
}

/** @throws SnapshotRequestError */
export function checkLabels(labels: Labels): void {
  const entries = Object.entries(labels);
  if (entries.length > LABELS_MAX) {
    throw new SnapshotRequestError(`${entries.length} labels are more than ${LABELS_MAX}`);
  }
  let total = 0;
  for (const [key, value] of entries) {
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
    total += bytes;
    if (key === '') throw new SnapshotRequestError('a label has an empty key');
    if (!isText(key) || !isText(value)) throw new SnapshotRequestError('a label is not UTF-8');
    if (bytes > LABEL_BYTES_MAX) {
      throw new SnapshotRequestError(
        `label ${key.slice(0, 64)}: key and value are longer than ${LABEL_BYTES_MAX} bytes`,
      );
    }
  }
  if (total > LABELS_BYTES_MAX) {
    throw new SnapshotRequestError(`the labels take more than ${LABELS_BYTES_MAX} bytes`);
  }
}

/** @throws SnapshotRequestError for a field that cannot be changed */
export function checkFields(fields: readonly string[]): void {
  if (fields.length > UPDATE_FIELDS_MAX) {
    throw new SnapshotRequestError(`${fields.length} fields are more than ${UPDATE_FIELDS_MAX}`);
  }
  for (const field of fields) {
    if (field === 'labels' || field.startsWith('labels.')) continue;
    throw new SnapshotRequestError(`the field ${field.slice(0, 64)} cannot be updated`);
  }
}

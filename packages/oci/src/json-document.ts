/**
 * JSON documents of strangers: bounded before they are parsed, parsed once, then handed to a schema;
 * and back to bytes in one canonical form (keys sorted, no white space), so that equal objects give
 * equal digests.
 */
import type * as z from 'zod';
import { DocumentError, DocumentLimitError } from './errors.ts';
import { JSON_DEPTH_MAX } from './limits.ts';

/** Parses bytes as JSON. `what` names the document in errors. */
export function parseJsonDocument(bytes: Uint8Array, what: string, bytesMax: number): unknown {
  if (bytes.byteLength > bytesMax) {
    throw new DocumentLimitError(what, `${bytes.byteLength} bytes, at most ${bytesMax} are read`);
  }
  if (jsonDepth(bytes) > JSON_DEPTH_MAX) {
    throw new DocumentLimitError(what, `nested deeper than ${JSON_DEPTH_MAX}`);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new DocumentError(what, 'is not JSON');
  }
}

/** Checks a parsed value against a schema; throws `ERR_OCI_DOCUMENT` with the first field at fault. */
export function checkDocument<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue === undefined ? '' : issue.path.map(String).join('.');
  const detail = issue === undefined ? 'is not valid' : issue.message;
  throw new DocumentError(
    what,
    field === '' ? detail : `field ${JSON.stringify(field)}: ${detail}`,
  );
}

/** Canonical JSON: keys in code-unit order at every depth, no white space, UTF-8. */
export function encodeCanonicalJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(sorted(value, 0)), 'utf8');
}

function sorted(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > JSON_DEPTH_MAX) throw new DocumentLimitError('document', 'nested too deep to write');
  if (Array.isArray(value)) return value.map((element) => sorted(element, depth + 1));
  const entries = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([key, field]): [string, unknown] => [key, sorted(field, depth + 1)]);
  entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return Object.fromEntries(entries);
}

/** Deepest nesting, read off the bytes: brackets outside strings. */
function jsonDepth(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let index = 0; index < bytes.byteLength; index++) {
    const byte = bytes[index];
    if (isInString) {
      if (byte === 0x5c) index++;
      else if (byte === 0x22) isInString = false;
    } else if (byte === 0x22) isInString = true;
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

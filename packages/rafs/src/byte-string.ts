/**
 * File names are bytes, not text. Inside Shoal a name is a *byte string*: a JavaScript
 * string in which every character is one byte (latin1). It costs a third of a Buffer's memory,
 * works as a Map key, and compares in byte order; a Buffer appears again only at the edges.
 */
export type ByteString = string & { readonly __brand: 'ByteString' };

/** The bytes as a byte string. */
export function byteString(bytes: Uint8Array): ByteString {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1') as ByteString;
}

/** The bytes of a text in UTF-8, as a byte string. */
export function byteStringFromText(text: string): ByteString {
  return byteString(Buffer.from(text, 'utf8'));
}

/** A byte string back as bytes. */
export function bytesOf(name: ByteString): Buffer {
  return Buffer.from(name, 'latin1');
}

/** The root's path below itself, and the target of what is no symlink. */
export const NO_BYTES = byteStringFromText('');

/** The components of a path; empty where slashes meet or stand at an end. */
export function splitPath(path: ByteString): ByteString[] {
  // Parts of a byte string are byte strings, which the type of `split` does not say.
  return path.split('/') as ByteString[];
}

export function joinPath(components: readonly ByteString[]): ByteString {
  return components.join('/') as ByteString;
}

/** The path of a child; `parent` is '' for the root. */
export function childPath(parent: ByteString, name: ByteString): ByteString {
  return parent === '' ? name : (`${parent}/${name}` as ByteString);
}

/** The bytes from `start` on. */
export function sliceByteString(bytes: ByteString, start: number): ByteString {
  return bytes.slice(start) as ByteString;
}

/** Byte order, the order of RAFS directories. */
export function compareByteStrings(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const PRINTED_NAME_MAX = 256;

/** A name for a message: UTF-8 where it is valid, other bytes as `\xNN`, never a control character. */
export function printableName(name: Uint8Array | ByteString): string {
  const bytes = typeof name === 'string' ? bytesOf(name) : Buffer.from(name);
  const cut = bytes.length > PRINTED_NAME_MAX ? bytes.subarray(0, PRINTED_NAME_MAX) : bytes;
  const text = cut.toString('utf8');
  const readable = Buffer.from(text, 'utf8').equals(cut) ? text : cut.toString('latin1');
  const asIs = readable === text;
  let printed = '';
  for (const character of readable) {
    const code = character.codePointAt(0) ?? 0;
    const plain = code >= 0x20 && code !== 0x7f && code !== 0x5c && (asIs || code < 0x7f);
    printed += plain && !(code >= 0x80 && code < 0xa0) ? character : escapeByte(code);
  }
  return bytes.length > PRINTED_NAME_MAX ? `${printed}...` : printed;
}

function escapeByte(code: number): string {
  if (code === 0x5c) return '\\\\';
  if (code === 0x0a) return '\\n';
  return `\\x${code.toString(16).padStart(2, '0')}`;
}

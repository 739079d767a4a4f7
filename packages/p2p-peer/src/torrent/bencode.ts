/**
 * Bencoding, strict (BEP 3): one way to write each value, so keys ascend and are there once, and
 * numbers have no needless zeros. Values know where they stand, because an infohash is taken of the
 * bytes as they came. What the npm package `bencode` accepts beyond that (negative lengths, keys
 * given twice, any depth) would make a stranger's torrent mean two things, or hang its reader.
 */
import { BencodeError } from '../errors.ts';
import { BENCODE_DEPTH_MAX, BENCODE_DIGITS_MAX, BENCODE_VALUES_MAX } from './limits.ts';

type Place = {
  /** Offsets of the value's own bytes. */
  readonly start: number;
  readonly end: number;
};

export type BencodeNode =
  | (Place & { readonly kind: 'integer'; readonly value: number })
  | (Place & { readonly kind: 'string'; readonly value: Buffer })
  | (Place & { readonly kind: 'list'; readonly value: readonly BencodeNode[] })
  | (Place & { readonly kind: 'dictionary'; readonly value: ReadonlyMap<string, BencodeNode> });

/** What can be written. Keys of a map are latin1: one character a byte. */
export type BencodeValue =
  | number
  | string
  | Buffer
  | readonly BencodeValue[]
  | ReadonlyMap<string, BencodeValue>;

const DICTIONARY = 0x64;
const END = 0x65;
const INTEGER = 0x69;
const LIST = 0x6c;

/** The one value that the bytes are, to their last byte. Throws `ERR_P2P_BENCODE`. */
export function decodeBencode(bytes: Buffer): BencodeNode {
  const reader = new BencodeReader(bytes);
  const node = reader.readValue(0);
  if (node.end !== bytes.length) throw new BencodeError('something follows its end');
  return node;
}

class BencodeReader {
  readonly #bytes: Buffer;
  #at = 0;
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  readValue(depth: number): BencodeNode {
    if (depth > BENCODE_DEPTH_MAX) throw new BencodeError('it is nested too deep');
    this.#values += 1;
    if (this.#values > BENCODE_VALUES_MAX) throw new BencodeError('it has too many values');
    switch (this.#bytes[this.#at]) {
      case INTEGER:
        return this.#readInteger();
      case LIST:
        return this.#readList(depth);
      case DICTIONARY:
        return this.#readDictionary(depth);
      default:
        return this.#readString();
    }
  }

  #readInteger(): BencodeNode {
    const start = this.#at;
    this.#at += 1;
    const value = this.#readNumber('e', /^(?:0|-?[1-9][0-9]*)$/);
    return { kind: 'integer', value, start, end: this.#at };
  }

  #readString(): BencodeNode & { readonly kind: 'string' } {
    const start = this.#at;
    const length = this.#readNumber(':', /^(?:0|[1-9][0-9]*)$/);
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new BencodeError('a string is cut short');
    this.#at += length;
    return { kind: 'string', value: this.#bytes.subarray(from, this.#at), start, end: this.#at };
  }

  #readList(depth: number): BencodeNode {
    const start = this.#at;
    const value: BencodeNode[] = [];
    this.#at += 1;
    while (!this.#skipEnd()) value.push(this.readValue(depth + 1));
    return { kind: 'list', value, start, end: this.#at };
  }

  #readDictionary(depth: number): BencodeNode {
    const start = this.#at;
    const value = new Map<string, BencodeNode>();
    let before: string | undefined;
    this.#at += 1;
    while (!this.#skipEnd()) {
      const key = this.#readString().value.toString('latin1');
      // Code units of latin1 text compare as its bytes do.
      if (before !== undefined && key <= before) throw new BencodeError('keys are out of order');
      value.set(key, this.readValue(depth + 1));
      before = key;
    }
    return { kind: 'dictionary', value, start, end: this.#at };
  }

  #skipEnd(): boolean {
    if (this.#bytes[this.#at] !== END) return false;
    this.#at += 1;
    return true;
  }

  /** Digits up to a mark, which is skipped. */
  #readNumber(mark: 'e' | ':', syntax: RegExp): number {
    const window = this.#bytes.toString('latin1', this.#at, this.#at + BENCODE_DIGITS_MAX + 2);
    const length = window.indexOf(mark);
    const text = window.slice(0, Math.max(0, length));
    const value = Number(text);
    if (!syntax.test(text) || !Number.isSafeInteger(value)) {
      throw new BencodeError('a number or a length is none');
    }
    this.#at += length + 1;
    return value;
  }
}

/** Text is written as UTF-8. Throws `ERR_P2P_BENCODE` for a number that is no safe integer. */
export function encodeBencode(value: BencodeValue): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: BencodeValue, parts: Buffer[]): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new BencodeError(`${value} is no whole number`);
    parts.push(Buffer.from(`i${value}e`));
  } else if (typeof value === 'string') writeString(Buffer.from(value), parts);
  else if (Buffer.isBuffer(value)) writeString(value, parts);
  else if (isMap(value)) writeDictionary(value, parts);
  else {
    parts.push(Buffer.from('l'));
    for (const element of value) write(element, parts);
    parts.push(Buffer.from('e'));
  }
}

function isMap(
  value: readonly BencodeValue[] | ReadonlyMap<string, BencodeValue>,
): value is ReadonlyMap<string, BencodeValue> {
  return value instanceof Map;
}

function writeDictionary(value: ReadonlyMap<string, BencodeValue>, parts: Buffer[]): void {
  const entries = [...value].sort(([left], [right]) => (left < right ? -1 : 1));
  parts.push(Buffer.from('d'));
  for (const [key, element] of entries) {
    writeString(Buffer.from(key, 'latin1'), parts);
    write(element, parts);
  }
  parts.push(Buffer.from('e'));
}

function writeString(bytes: Buffer, parts: Buffer[]): void {
  parts.push(Buffer.from(`${bytes.length}:`), bytes);
}

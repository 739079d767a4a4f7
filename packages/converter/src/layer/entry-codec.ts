/**
 * Compact lossless encoding of a layer's entries: what is kept in memory between reading a layer
 * and merging it (100 bytes an entry instead of 600 as objects) and what the build cache stores.
 *
 * Numbers are LEB128, times zigzag LEB128, strings length-prefixed bytes; chunk lists are the
 * differences of neighbours (zigzag), since they are mostly 0 or 1 apart.
 */
import type { ByteString } from '@shoal/rafs';
import { byteString } from '@shoal/rafs';
import { ImageLimitError, LayerRecordError } from '../errors.ts';
import { LAYER_RECORD_BYTES_MAX } from '../limits.ts';
import type { LayerEntry, XattrEntry } from './layer-entry.ts';
import { EntryKind } from './layer-entry.ts';

const SEGMENT_SIZE = 1 << 20;
const KIND_MAX = EntryKind.socket;

/** Appends entries to a list of segments; `finish` gives one buffer. */
export class EntryWriter {
  readonly #segments: Buffer[] = [];
  #buffer = Buffer.allocUnsafe(SEGMENT_SIZE);
  #at = 0;
  #count = 0;
  /** Bytes in `#segments`. */
  #bytes = 0;
  readonly #layer: string;

  /** `layer` is its digest or path, for messages. */
  constructor(layer: string) {
    this.#layer = layer;
  }

  get count(): number {
    return this.#count;
  }

  push(entry: LayerEntry): void {
    this.#reserve(64 + entry.path.length + entry.linkName.length + entry.chunks.length * 5);
    this.#count += 1;
    this.#buffer[this.#at++] = entry.kind;
    this.#string(entry.path);
    this.#unsigned(entry.mode);
    this.#unsigned(entry.uid);
    this.#unsigned(entry.gid);
    this.#signed(entry.seconds);
    this.#unsigned(entry.nanoseconds);
    this.#unsigned(entry.rdev);
    this.#string(entry.linkName);
    this.#unsigned(entry.size);
    this.#unsigned(entry.chunks.length);
    let last = 0;
    for (const chunk of entry.chunks) {
      this.#signed(chunk - last);
      last = chunk;
    }
    this.#unsigned(entry.xattrs.length);
    for (const { name, value } of entry.xattrs) {
      this.#reserve(16 + name.length + value.length);
      this.#string(name);
      this.#string(value);
    }
  }

  finish(): Buffer {
    this.#segments.push(this.#buffer.subarray(0, this.#at));
    return Buffer.concat(this.#segments.splice(0));
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#buffer.length) return;
    this.#segments.push(this.#buffer.subarray(0, this.#at));
    this.#bytes += this.#buffer.length;
    if (this.#bytes + size > LAYER_RECORD_BYTES_MAX) {
      throw new ImageLimitError(
        `layer ${this.#layer}: its names and attributes take more than ${LAYER_RECORD_BYTES_MAX} bytes`,
        { remedy: 'no sound layer is this large: check where it came from' },
      );
    }
    this.#buffer = Buffer.allocUnsafe(Math.max(SEGMENT_SIZE, size));
    this.#at = 0;
  }

  #unsigned(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  #signed(value: number): void {
    this.#unsigned(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #string(text: ByteString): void {
    this.#unsigned(text.length);
    this.#at += this.#buffer.write(text, this.#at, 'latin1');
  }
}

/** Decodes what `EntryWriter` wrote; throws `LayerRecordError` on anything else. */
export function* readEntries(bytes: Buffer): Generator<LayerEntry, void> {
  const reader = new EntryReader(bytes);
  while (!reader.isAtEnd) yield reader.entry();
}

class EntryReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  entry(): LayerEntry {
    const kind = this.#kind();
    const path = this.#string();
    const mode = this.#unsigned();
    const uid = this.#unsigned();
    const gid = this.#unsigned();
    const seconds = this.#signed();
    const nanoseconds = this.#unsigned();
    const rdev = this.#unsigned();
    const linkName = this.#string();
    const size = this.#unsigned();
    const chunks = this.#chunks();
    const xattrs = this.#xattrs();
    return {
      path,
      kind,
      mode,
      uid,
      gid,
      seconds,
      nanoseconds,
      rdev,
      linkName,
      size,
      chunks,
      xattrs,
    };
  }

  #kind(): EntryKind {
    const value = this.#bytes[this.#at++] ?? KIND_MAX + 1;
    const kind = Object.values(EntryKind).find((known) => known === value);
    if (kind === undefined) throw new LayerRecordError(`entry kind ${value}`);
    return kind;
  }

  #chunks(): number[] {
    const count = this.#count();
    const chunks: number[] = [];
    let last = 0;
    for (let index = 0; index < count; index++) {
      last += this.#signed();
      if (last < 0) throw new LayerRecordError('negative chunk number');
      chunks.push(last);
    }
    return chunks;
  }

  #xattrs(): XattrEntry[] {
    const count = this.#count();
    const xattrs: XattrEntry[] = [];
    for (let index = 0; index < count; index++) {
      xattrs.push({ name: this.#string(), value: this.#string() });
    }
    return xattrs;
  }

  /** A number of items, each at least one byte long: bounded by what is left. */
  #count(): number {
    const count = this.#unsigned();
    if (count > this.#bytes.length - this.#at) throw new LayerRecordError('count beyond the end');
    return count;
  }

  #unsigned(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new LayerRecordError('it ends inside a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new LayerRecordError('number above 2^53');
    return value;
  }

  #signed(): number {
    const value = this.#unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #string(): ByteString {
    const length = this.#count();
    const start = this.#at;
    this.#at += length;
    return byteString(this.#bytes.subarray(start, this.#at));
  }
}

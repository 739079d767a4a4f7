/**
 * Reads parts of blobs, each part once for however many want it at the same moment. When what lies
 * before the registry fails, or gives nothing for too long, the registry is asked itself.
 */
import type { BlobKey, BlobReadOptions, VerdictListener } from '@shoal/blob-store';
import { blobIdOfDigest, type Digest, digestAlgorithm } from '@shoal/oci';
import type { ByteOrigin } from '../answer/reply.ts';
import { Flights } from '../cache/flights.ts';
import { IN_PARTS_BYTES } from '../limits.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import { HedgedRead, patienceOf } from './hedged-read.ts';
import { ORIGIN_NAME } from './origin-source.ts';
import type { OpenSource, SharedSource, SourceShelf } from './source-shelf.ts';

export type Blob = { readonly digest: Digest; readonly size: number };

export type BlobPart = {
  readonly offset: number;
  /** Shared with others who read the same: not to be changed. */
  readonly bytes: Buffer;
  readonly origin: ByteOrigin;
  /** Of sources that want to hear whether the bytes were right. */
  readonly listeners: readonly VerdictListener[];
};

type Span = {
  readonly offset: number;
  readonly length: number;
  /** Nothing of the answer is there before it. @default false */
  readonly isFirst?: boolean;
};

export class BlobReads {
  readonly #shelf: SourceShelf;
  readonly #patienceTimes: () => number;
  readonly #flights = new Flights<BlobPart>();
  /** How many read the parts of a blob at this moment. */
  readonly #readers = new Map<string, number>();

  /** `patienceTimes`: of what lies before registries. */
  constructor(shelf: SourceShelf, patienceTimes: () => number = () => 1) {
    this.#shelf = shelf;
    this.#patienceTimes = patienceTimes;
  }

  /** Ranges that are being read at this moment. */
  get underWay(): number {
    return this.#flights.size;
  }

  read(request: ProxyRequest, blob: Blob, span: Span, signal: AbortSignal): Promise<BlobPart> {
    const { upstream, repository } = request;
    const key = `${upstream.name} ${repository} ${blob.digest} ${span.offset} ${span.length}`;
    return this.#flights.run(key, signal, (shared) =>
      this.#shelf.use(request, (source) => this.#readPart(source, blob, span, shared)),
    );
  }

  #readPart(
    { shared, origin, registry }: OpenSource,
    blob: Blob,
    span: Span,
    signal: AbortSignal,
  ): Promise<BlobPart> {
    const { offset, length } = span;
    if (digestAlgorithm(blob.digest) !== 'sha256') {
      return readFrom((options) => registry.readDigest(blob, span, options), offset, signal);
    }
    const key = { blobId: blobIdOfDigest(blob.digest), sizeBytes: blob.size };
    const direct = (until: AbortSignal) =>
      readFrom((options) => origin.read(key, offset, length, options), offset, until);
    if (shared === undefined) return direct(signal);
    return this.#readShared(shared, key, span, direct, signal);
  }

  async #readShared(
    { source, origin, rest }: SharedSource,
    key: BlobKey,
    { offset, length, isFirst = false }: Span,
    direct: (signal: AbortSignal) => Promise<BlobPart>,
    signal: AbortSignal,
  ): Promise<BlobPart> {
    const read = new HedgedRead<BlobPart>({
      shared: (until, onSign) =>
        readFrom((options) => source.read(key, offset, length, options), offset, until, onSign),
      direct,
      isAtRegistry: () => origin.isReading(key.blobId, { start: offset, end: offset + length }),
      ...{ isFirst, isResting: rest.isResting, patience: patienceOf(this.#patienceTimes()) },
    });
    const { value, winner, wasSilent } = await read.run(signal);
    if (winner === 'shared') rest.noteAnswer();
    else if (wasSilent) rest.noteSilence();
    return value;
  }

  /** The registry answers a range with the whole blob, and nothing else is asked. */
  ignoresRanges({ upstream }: ProxyRequest): boolean {
    return upstream.ignoresRanges && !this.#shelf.hasFactory;
  }

  /** Somebody begins to read parts of a blob; the answer ends it. */
  enter(request: ProxyRequest, { digest }: Blob): () => void {
    const key = `${request.upstream.name} ${request.repository} ${digest}`;
    this.#readers.set(key, (this.#readers.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#readers.get(key) ?? 1) - 1;
      if (left > 0) this.#readers.set(key, left);
      else this.#readers.delete(key);
    };
  }

  /**
   * Whether the rest is better read in one transfer, which takes half the processor time: by the only
   * reader of a blob, who has shown that he wants more than its beginning.
   */
  isBetterInOne(request: ProxyRequest, { digest }: Blob, bytesBefore: number): boolean {
    if (this.#shelf.hasFactory) return false;
    if (request.upstream.ignoresRanges) return true;
    const key = `${request.upstream.name} ${request.repository} ${digest}`;
    return bytesBefore >= IN_PARTS_BYTES && this.#readers.get(key) === 1;
  }

  /** From `offset` to the end, as the registry sends it. */
  async *inOne(
    request: ProxyRequest,
    blob: Blob,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<BlobPart, void, void> {
    const { registry } = await this.#shelf.use(request, async (source) => source);
    let position = offset;
    for await (const bytes of registry.readFrom(blob.digest, blob.size, offset, signal)) {
      yield { offset: position, bytes, origin: 'origin', listeners: [] };
      position += bytes.byteLength;
    }
  }
}

/** One try of one source: what it tells is of the bytes that it gives. */
async function readFrom(
  read: (options: BlobReadOptions) => Promise<Buffer>,
  offset: number,
  signal: AbortSignal,
  onSign: () => void = () => undefined,
): Promise<BlobPart> {
  const sources = new Set<string>();
  const listeners: VerdictListener[] = [];
  const bytes = await read({
    signal,
    onProgress: onSign,
    onFetched: (name) => {
      sources.add(name);
      onSign();
    },
    onVerdict: (listener) => listeners.push(listener),
  });
  return { offset, bytes, origin: originIn(sources), listeners };
}

function originIn(sources: ReadonlySet<string>): ByteOrigin {
  if (sources.has(ORIGIN_NAME)) return 'origin';
  return sources.size > 0 ? 'peer' : 'local';
}

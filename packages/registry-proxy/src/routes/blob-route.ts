/**
 * Blobs, whole or a range of them. Who may read one is asked of the upstream; where the bytes come from
 * is another matter.
 */
import { type Digest, digestLike } from '@shoal/oci';
import { type Refusal, refusal } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import type { BlobSender } from '../blobs/blob-sender.ts';
import type { Memories } from '../memories.ts';
import { type ByteSpan, parseByteRange } from '../request/byte-range.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import type { UpstreamDocument } from '../upstream/asked-documents.ts';
import { PROBE_RANGE } from '../upstream/upstream.ts';
import { type Consultation, consult } from './consult.ts';

const NO_SIZE = refusal(502, 'UNAVAILABLE', 'the upstream does not say how large the blob is');

const HEAD_ONLY = {
  method: 'HEAD',
  followsRedirects: false,
  isHeadEnough: true,
  isProof: true,
} as const;

type Sized = { readonly kind: 'size'; readonly size: number; readonly isRemembered: boolean };

export class BlobRoute {
  readonly #memories: Memories;
  readonly #sender: BlobSender;

  constructor(memories: Memories, sender: BlobSender) {
    this.#memories = memories;
    this.#sender = sender;
  }

  async answer(request: ProxyRequest, digest: Digest, reply: Reply): Promise<void> {
    const found = await this.#sizeOf(request, digest);
    if (found.kind === 'refusal') return reply.refuse(found);
    const { size } = found;
    const headers = headersOf(digest);
    if (request.method === 'HEAD') {
      const described = { ...headers, 'content-length': `${size}` };
      const origin = found.isRemembered ? 'local' : 'origin';
      return reply.send({ status: 200, headers: described }, origin, Buffer.alloc(0));
    }
    const span = this.#spanOf(request, headers.etag, size);
    if (span === 'outside') {
      const range = { ...headers, 'content-range': `bytes */${size}` };
      return reply.send({ status: 416, headers: range }, undefined, Buffer.alloc(0));
    }
    await this.#sender.send(request, { digest, size }, span, headers, reply);
  }

  #spanOf(request: ProxyRequest, etag: string, size: number): ByteSpan | 'outside' | undefined {
    const { range, ifRange } = request;
    if (ifRange !== undefined && ifRange !== etag) return undefined;
    if (this.#sender.ignoresRanges(request)) return undefined;
    return parseByteRange(range, size);
  }

  /** Authorised by the upstream now, or a moment ago. */
  async #sizeOf(request: ProxyRequest, digest: Digest): Promise<Sized | Refusal> {
    const { grants, members } = this.#memories;
    const { place } = request;
    const known = members.find(place, digest)?.size;
    if (known !== undefined && grants.has(place)) return sized(known, true);
    const path = `blobs/${digest}`;
    const told = await consult(request, { ...HEAD_ONLY, path }, this.#memories);
    const size = told.kind === 'ok' ? sizeIn(told.document) : undefined;
    if (size !== undefined) return this.#learn(request, digest, size);
    const mayProbe = told.kind === 'ok' || told.refusal.status === 405;
    return mayProbe ? this.#probe(request, digest) : this.#withoutUpstream(request, digest, told);
  }

  /** Where a HEAD does not tell: storage behind a redirect, or a registry without it. */
  async #probe(request: ProxyRequest, digest: Digest): Promise<Sized | Refusal> {
    const path = `blobs/${digest}`;
    const question = {
      method: 'GET',
      path,
      range: PROBE_RANGE,
      isHeadEnough: true,
      isProof: true,
    } as const;
    const told = await consult(request, question, this.#memories);
    if (told.kind === 'ok') {
      const size = sizeIn(told.document);
      return size === undefined ? NO_SIZE : this.#learn(request, digest, size);
    }
    // Of nothing there is no first byte.
    const isEmpty = digestLike(digest, Buffer.alloc(0)) === digest;
    if (isEmpty && told.refusal.status === 416) return this.#learn(request, digest, 0);
    return this.#withoutUpstream(request, digest, told);
  }

  #learn({ place }: ProxyRequest, digest: Digest, size: number): Sized {
    this.#memories.members.add(place, digest, size);
    return sized(size, false);
  }

  #withoutUpstream(
    { place }: ProxyRequest,
    digest: Digest,
    told: Exclude<Consultation, { kind: 'ok' }>,
  ): Sized | Refusal {
    const { grants, members } = this.#memories;
    if (told.kind === 'refused') {
      if (told.refusal.status === 404) members.remove(place, digest);
      return told.refusal;
    }
    const size = members.findWithoutUpstream(place, digest)?.size;
    if (size === undefined || !grants.hasWithoutUpstream(place)) return told.refusal;
    return sized(size, true);
  }
}

function sized(size: number, isRemembered: boolean): Sized {
  return { kind: 'size', size, isRemembered };
}

/** Bytes of the whole blob; undefined when the answer does not say. */
function sizeIn({ status, headers }: UpstreamDocument): number | undefined {
  const text =
    status === 206
      ? /\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1]
      : headers.get('content-length');
  const isTold = (status === 200 || status === 206) && /^\d{1,15}$/.test(text ?? '');
  return isTold ? Number(text) : undefined;
}

function headersOf(digest: Digest) {
  return {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
  };
}

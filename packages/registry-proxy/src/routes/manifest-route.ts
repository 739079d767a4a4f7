/**
 * Manifests: by digest, whose bytes never change, and by tag, which is believed for a few seconds and
 * then asked for again. Bytes go out as they came in.
 */
import { type Digest, digestLike, isDigest, MediaType, sha256Digest } from '@shoal/oci';
import { refusalOf } from '../answer/failure.ts';
import type { Refusal } from '../answer/refusal.ts';
import type { ByteOrigin, Reply } from '../answer/reply.ts';
import type { Aged } from '../cache/aged-map.ts';
import type { StoredManifest } from '../cache/manifest-files.ts';
import { WrongContentError } from '../errors.ts';
import { STALE_MS_MAX, TAG_MS } from '../limits.ts';
import type { Memories, TagMeaning } from '../memories.ts';
import { normalisedAccept, type ProxyRequest } from '../request/proxy-request.ts';
import type { ManifestReference } from '../request/target.ts';
import type { UpstreamDocument } from '../upstream/asked-documents.ts';
import { type Consultation, consult } from './consult.ts';

/** What is told of an answer from memory that could not be checked. */
type Staleness = { readonly ageMs: number };

export class ManifestRoute {
  readonly #memories: Memories;

  constructor(memories: Memories) {
    this.#memories = memories;
  }

  answer(request: ProxyRequest, reference: ManifestReference, reply: Reply): Promise<void> {
    return reference.kind === 'digest'
      ? this.#byDigest(request, reference.digest, reply)
      : this.#byTag(request, reference.tag, reply);
  }

  async #byDigest(request: ProxyRequest, digest: Digest, reply: Reply): Promise<void> {
    const { grants, members, manifests } = this.#memories;
    const { place } = request;
    const stored = await manifests.find(digest);
    const isAllowed = grants.has(place) && members.find(place, digest) !== undefined;
    if (stored !== undefined && isAllowed) return send(request, reply, stored, 'local');
    const path = `manifests/${digest}`;
    // What is at hand needs no second copy: the upstream only has to say that this client may have it.
    const method = stored === undefined ? request.method : 'HEAD';
    const told = await consult(request, { method, path, isProof: true }, this.#memories);
    if (told.kind === 'ok') {
      if (stored !== undefined && !isAbout(told.document, digest)) {
        return reply.refuse(refusalOf(new WrongContentError(request.upstream.name, digest)));
      }
      members.add(place, digest, undefined);
      if (stored !== undefined) return send(request, reply, stored, 'local');
      return this.#passNew(request, told.document, digest, reply);
    }
    if (told.kind === 'refused') {
      if (told.refusal.status === 404) members.remove(place, digest);
      return reply.refuse(told.refusal);
    }
    const mayStandIn =
      grants.hasWithoutUpstream(place) && members.findWithoutUpstream(place, digest) !== undefined;
    if (stored === undefined || !mayStandIn) return reply.refuse(told.refusal);
    // Its digest says that it is what was asked for, however old.
    send(request, reply, stored, 'local');
  }

  async #byTag(request: ProxyRequest, tag: string, reply: Reply): Promise<void> {
    const { grants, manifests, tags } = this.#memories;
    const { place } = request;
    const path = `manifests/${tag}`;
    const tagKey = JSON.stringify([
      place.upstream,
      place.repository,
      tag,
      normalisedAccept(request.accept),
    ]);
    const known = tags.find(tagKey);
    const stored = known === undefined ? undefined : await manifests.find(known.value.digest);
    const isAnswerable = stored !== undefined || request.method === 'HEAD';
    if (known !== undefined && isAnswerable && known.ageMs < TAG_MS && grants.has(place)) {
      return send(request, reply, stored ?? known.value, 'local');
    }
    if (isAnswerable) {
      const told = await consult(request, { method: 'HEAD', path, isProof: true }, this.#memories);
      const isSettled = await this.#passHead(request, told, { tagKey, known }, reply);
      if (isSettled) return;
    }
    const told = await consult(request, { method: 'GET', path, isProof: true }, this.#memories);
    if (told.kind === 'ok') {
      return this.#passFetched(request, told.document, { expected: undefined, tagKey }, reply);
    }
    await this.#passFailure(request, told, { tagKey, known }, reply);
  }

  /** False when only a GET can tell. */
  async #passHead(
    request: ProxyRequest,
    told: Consultation,
    tag: { readonly tagKey: string; readonly known: Aged<TagMeaning> | undefined },
    reply: Reply,
  ): Promise<boolean> {
    if (told.kind !== 'ok') {
      if (told.refusal.status === 405) return false;
      // A HEAD has no body to pass on: for a GET the reason is asked for.
      if (told.kind === 'refused' && request.method === 'GET') return false;
      await this.#passFailure(request, told, tag, reply);
      return true;
    }
    const meaning = meaningOf(told.document);
    if (meaning === undefined) return false;
    this.#learn(request, tag.tagKey, meaning);
    if (request.method === 'HEAD') {
      send(request, reply, meaning, 'origin');
      return true;
    }
    const stored = await this.#memories.manifests.find(meaning.digest);
    if (stored === undefined) return false;
    send(request, reply, stored, 'local');
    return true;
  }

  #learn({ place }: ProxyRequest, tagKey: string, meaning: TagMeaning): void {
    this.#memories.tags.set(tagKey, meaning);
    this.#memories.members.add(place, meaning.digest, undefined);
  }

  /** The answer to what the client has asked, about a digest that nothing is known of. */
  async #passNew(
    request: ProxyRequest,
    document: UpstreamDocument,
    digest: Digest,
    reply: Reply,
  ): Promise<void> {
    const asked = { expected: digest, tagKey: undefined };
    if (request.method === 'GET') return this.#passFetched(request, document, asked, reply);
    const meaning = meaningOf(document, digest);
    if (meaning !== undefined) return send(request, reply, meaning, 'origin');
    const question = { method: 'GET', path: `manifests/${digest}`, isProof: true } as const;
    const told = await consult(request, question, this.#memories);
    if (told.kind !== 'ok') return reply.refuse(told.refusal);
    return this.#passFetched(request, told.document, asked, reply);
  }

  /** A whole manifest that has just come. */
  async #passFetched(
    request: ProxyRequest,
    document: UpstreamDocument,
    asked: { readonly expected: Digest | undefined; readonly tagKey: string | undefined },
    reply: Reply,
  ): Promise<void> {
    const manifest = verified(document, asked.expected);
    if (manifest === undefined) {
      const where = `${request.upstream.name}/${request.repository}`;
      return reply.refuse(
        refusalOf(new WrongContentError(where, asked.expected ?? 'it came with')),
      );
    }
    this.#memories.manifests.add(manifest);
    if (asked.tagKey !== undefined) this.#learn(request, asked.tagKey, meaningOfStored(manifest));
    send(request, reply, manifest, 'origin');
  }

  /** What is remembered stands in for an upstream that fails; one that decides is right. */
  async #passFailure(
    request: ProxyRequest,
    told: { readonly kind: 'refused' | 'failing'; readonly refusal: Refusal },
    tag: { readonly tagKey: string; readonly known: Aged<TagMeaning> | undefined },
    reply: Reply,
  ): Promise<void> {
    const { grants, manifests, tags } = this.#memories;
    const { known } = tag;
    if (told.kind === 'refused' && told.refusal.status === 404) tags.delete(tag.tagKey);
    const mayStandIn =
      told.kind === 'failing' &&
      known !== undefined &&
      known.ageMs < STALE_MS_MAX &&
      grants.hasWithoutUpstream(request.place);
    if (!mayStandIn) return reply.refuse(told.refusal);
    const stored = await manifests.find(known.value.digest);
    const answer = stored ?? (request.method === 'HEAD' ? known.value : undefined);
    if (answer === undefined) return reply.refuse(told.refusal);
    send(request, reply, answer, 'local', { ageMs: known.ageMs });
  }
}

/** A registry that tells digests at all tells the one that was asked for. */
function isAbout({ headers }: UpstreamDocument, digest: Digest): boolean {
  const claimed = headers.get('docker-content-digest');
  return claimed === undefined || claimed === digest;
}

/** Undefined when the bytes are not what they are said to be. */
function verified(
  { headers, body }: UpstreamDocument,
  expected: Digest | undefined,
): StoredManifest | undefined {
  if (body.byteLength === 0) return undefined;
  const claimed = headers.get('docker-content-digest');
  const digest = expected ?? (isDigest(claimed) ? claimed : sha256Digest(body));
  if (digestLike(digest, body) !== digest) return undefined;
  return { digest, mediaType: mediaTypeOf(headers.get('content-type')), bytes: body };
}

/** Undefined when the head does not say enough. */
function meaningOf({ headers }: UpstreamDocument, expected?: Digest): TagMeaning | undefined {
  const claimed = headers.get('docker-content-digest');
  const digest = expected ?? (isDigest(claimed) ? claimed : undefined);
  const length = headers.get('content-length') ?? '';
  const mediaType = headers.get('content-type');
  if (digest === undefined || mediaType === undefined || !/^\d{1,9}$/.test(length))
    return undefined;
  return { digest, mediaType: mediaTypeOf(mediaType), size: Number(length) };
}

function meaningOfStored({ digest, mediaType, bytes }: StoredManifest): TagMeaning {
  return { digest, mediaType, size: bytes.byteLength };
}

/** Without parameters: clients compare it as a whole. */
function mediaTypeOf(contentType: string | undefined): string {
  const type = (contentType ?? '').split(';')[0]?.trim() ?? '';
  return /^[\w.+-]{1,127}\/[\w.+-]{1,127}$/.test(type) ? type : MediaType.ociManifest;
}

function send(
  request: ProxyRequest,
  reply: Reply,
  manifest: StoredManifest | TagMeaning,
  origin: ByteOrigin,
  stale?: Staleness,
): void {
  const { digest, mediaType } = manifest;
  reply.isStale = stale !== undefined;
  const bytes = 'bytes' in manifest ? manifest.bytes : Buffer.alloc(0);
  const size = 'bytes' in manifest ? bytes.byteLength : manifest.size;
  const etag = `"${digest}"`;
  const headers = {
    'docker-content-digest': digest,
    etag,
    ...(stale === undefined ? {} : staleHeaders(stale)),
  };
  if (request.ifNoneMatch === etag) {
    reply.start({ status: 304, headers }, origin);
    reply.end();
    return;
  }
  const described = { ...headers, 'content-type': mediaType, 'content-length': `${size}` };
  reply.send({ status: 200, headers: described }, origin, bytes);
}

function staleHeaders({ ageMs }: Staleness): Record<string, string> {
  return {
    warning: '110 shoal "the registry does not answer; this is what it said last"',
    'x-shoal-stale-seconds': `${Math.round(ageMs / 1000)}`,
  };
}

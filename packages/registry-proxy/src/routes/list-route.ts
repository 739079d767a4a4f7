/**
 * Lists: tags, as the upstream has them now, and referrers, which an upstream without that API has
 * under a tag. Spec: OCI distribution 1.1, "Listing Tags", "Listing Referrers".
 */
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  type ImageIndex,
  MediaType,
  parseManifest,
} from '@shoal/oci';
import type { Reply } from '../answer/reply.ts';
import { LIST_BYTES_MAX } from '../limits.ts';
import type { Memories } from '../memories.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import type { UpstreamDocument } from '../upstream/asked-documents.ts';
import { passedOnHeaders } from '../upstream/passed-on.ts';
import { consult } from './consult.ts';
import { nextPageLink } from './next-page.ts';

const NO_REFERRERS = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] };

export class ListRoute {
  readonly #memories: Memories;

  constructor(memories: Memories) {
    this.#memories = memories;
  }

  async answerTags(request: ProxyRequest, query: URLSearchParams, reply: Reply): Promise<void> {
    const path = `tags/list${passedQuery(query)}`;
    const told = await this.#ask(request, path);
    if (told.kind === 'ok') passList(request, told.document, reply);
    else reply.refuse(told.refusal);
  }

  async answerReferrers(
    request: ProxyRequest,
    digest: Digest,
    query: URLSearchParams,
    reply: Reply,
  ): Promise<void> {
    const told = await this.#ask(request, `referrers/${digest}${passedQuery(query)}`);
    const isIndex =
      told.kind === 'ok' &&
      (told.document.headers.get('content-type') ?? '').startsWith(MediaType.ociIndex);
    if (isIndex) return passList(request, told.document, reply);
    // 404 and its kin: the upstream has no such API; anything else is its answer.
    if (told.kind !== 'ok' && ![400, 404, 405].includes(told.refusal.status)) {
      return reply.refuse(told.refusal);
    }
    await this.#fromTag(request, digest, query.get('artifactType'), reply);
  }

  async #fromTag(
    request: ProxyRequest,
    digest: Digest,
    artifactType: string | null,
    reply: Reply,
  ): Promise<void> {
    const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}`.slice(0, 128);
    const told = await this.#ask(request, `manifests/${tag}`, MediaType.ociIndex);
    if (told.kind === 'ok') {
      const index = indexIn(told.document.body);
      if (index === undefined) return sendReferrers(reply, NO_REFERRERS, artifactType);
      return sendReferrers(reply, index, artifactType);
    }
    if (told.refusal.status !== 404) return reply.refuse(told.refusal);
    sendReferrers(reply, NO_REFERRERS, artifactType);
  }

  /** Always a GET: a HEAD of a list is of no use to ask for, but may be answered. */
  #ask(request: ProxyRequest, path: string, accept?: string) {
    const question = {
      method: 'GET',
      path,
      bytesMax: LIST_BYTES_MAX,
      accept,
      isProof: false,
      isList: true,
    } as const;
    return consult(request, question, this.#memories);
  }
}

/** Everything but the name of the registry, which is for us. */
function passedQuery(query: URLSearchParams): string {
  const passed = new URLSearchParams(query);
  passed.delete('ns');
  return passed.size === 0 ? '' : `?${passed}`;
}

function passList(request: ProxyRequest, { headers, body }: UpstreamDocument, reply: Reply): void {
  const link = nextPageLink(headers.get('link'), request);
  const passed = { ...passedOnHeaders(headers), ...(link === undefined ? {} : { link }) };
  reply.send({ status: 200, headers: passed }, 'origin', body);
}

/** Undefined for what is no index: a tag that only looks like one of referrers. */
function indexIn(body: Buffer): ImageIndex | undefined {
  try {
    const document = parseManifest(body);
    return document.kind === 'index' ? document : undefined;
  } catch {
    return undefined;
  }
}

function sendReferrers(
  reply: Reply,
  index: Pick<ImageIndex, 'manifests'>,
  artifactType: string | null,
): void {
  const manifests = index.manifests.filter(
    (entry) => artifactType === null || entry.artifactType === artifactType,
  );
  const headers = {
    'content-type': MediaType.ociIndex,
    ...(artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' }),
  };
  const body = Buffer.from(JSON.stringify({ ...NO_REFERRERS, manifests }));
  reply.send({ status: 200, headers }, 'origin', body);
}

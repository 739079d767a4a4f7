/**
 * Which manifests refer to one: the referrers API, or the tag `sha256-HEX` where a registry does not
 * have it. Spec: OCI distribution, "Listing Referrers" and "Unavailable Referrers API".
 */
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  MANIFEST_BYTES_MAX,
  MANIFEST_MEDIA_TYPES,
  MediaType,
  parseManifest,
} from '@shoal/oci';
import { NotFoundError } from '../errors.ts';
import { REFERRER_PAGES_MAX, REFERRERS_MAX } from '../limits.ts';
import type { Document, Endpoint } from './endpoint.ts';

export type ReferrerQuery = {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly digest: Digest;
  readonly artifactType: string | undefined;
  readonly signal: AbortSignal | undefined;
};

/** The tag under which referrers are listed by convention. */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}`.slice(0, 128);
}

export async function listReferrers(query: ReferrerQuery): Promise<readonly Descriptor[]> {
  const found = (await fromApi(query)) ?? (await fromTag(query));
  const { artifactType } = query;
  return artifactType === undefined
    ? found
    : found.filter((entry) => entry.artifactType === artifactType);
}

/** Undefined when the registry does not have the API. */
async function fromApi(query: ReferrerQuery): Promise<readonly Descriptor[] | undefined> {
  const { endpoint, repository, digest, artifactType, signal } = query;
  const filter =
    artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const found: Descriptor[] = [];
  let target: string | URL | undefined = `/v2/${repository}/referrers/${digest}${filter}`;
  for (let page = 0; target !== undefined && page < REFERRER_PAGES_MAX; page++) {
    if (found.length >= REFERRERS_MAX) break;
    const document: Document = await endpoint.callForDocument(
      {
        method: 'GET',
        target,
        scopes: [`repository:${repository}:pull`],
        headers: { accept: MediaType.ociIndex },
        accept: [200, 400, 404, 405],
        subject: `${repository}: referrers of ${digest}`,
        signal,
      },
      MANIFEST_BYTES_MAX,
    );
    if (document.answer.status !== 200) return undefined;
    if (!(document.answer.headers.get('content-type') ?? '').includes('json')) return undefined;
    found.push(...decodeReferrers(document.body, `${endpoint.registry}/${repository}: referrers`));
    target = nextPage(document);
  }
  return found;
}

function nextPage({ answer }: Document): URL | undefined {
  const match = /<([^<>]+)>\s*;\s*rel="?next"?/.exec(answer.headers.get('link') ?? '');
  const next = match?.[1] === undefined ? null : URL.parse(match[1], answer.url.href);
  return next?.origin === answer.url.origin ? next : undefined;
}

async function fromTag(query: ReferrerQuery): Promise<readonly Descriptor[]> {
  const { endpoint, repository, digest, signal } = query;
  const tag = referrersTag(digest);
  try {
    const { body } = await endpoint.callForDocument(
      {
        method: 'GET',
        target: `/v2/${repository}/manifests/${tag}`,
        scopes: [`repository:${repository}:pull`],
        headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') },
        accept: [200],
        subject: `${repository}: manifest ${tag}`,
        signal,
      },
      MANIFEST_BYTES_MAX,
    );
    return decodeReferrers(body, `${endpoint.registry}/${repository}: manifest ${tag}`);
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    throw error;
  }
}

function decodeReferrers(body: Buffer, what: string): readonly Descriptor[] {
  const document = parseManifest(body, what);
  return document.kind === 'index' ? document.manifests : [];
}

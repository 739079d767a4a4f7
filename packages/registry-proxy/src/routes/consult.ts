/**
 * Asks the upstream of a request, and remembers what its answer means: who may read what, and what is
 * not there.
 */
import { DeniedError, UnauthorizedError } from '@shoal/registry-client';
import { isRedirect } from '@shoal/registry-client/upstream';
import { refusalOf } from '../answer/failure.ts';
import { type Refusal, refusal } from '../answer/refusal.ts';
import { MISSING_BYTES_MAX, MISSING_MS } from '../limits.ts';
import type { Memories } from '../memories.ts';
import { normalisedAccept, type ProxyRequest } from '../request/proxy-request.ts';
import type { DocumentRequest, UpstreamDocument } from '../upstream/asked-documents.ts';
import { isFailing, passedOn } from '../upstream/passed-on.ts';

export type Consultation =
  | { readonly kind: 'ok'; readonly document: UpstreamDocument }
  /** The upstream has decided: this is the answer. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** It could not be asked: what is remembered may stand in. */
  | { readonly kind: 'failing'; readonly refusal: Refusal };

export type Question = Pick<
  DocumentRequest,
  'method' | 'bytesMax' | 'followsRedirects' | 'isHeadEnough' | 'isList'
> & {
  /** Below the repository: `manifests/v1`. */
  readonly path: string;
  readonly range?: string | undefined;
  /** Success shows that the caller may read the repository's content. Lists show only that it may list. */
  readonly isProof: boolean;
  /** @default what the client accepts */
  readonly accept?: string | undefined;
};

export async function consult(
  request: ProxyRequest,
  question: Question,
  memories: Memories,
): Promise<Consultation> {
  const { upstream, caller, repository, place, via } = request;
  const accept = question.accept ?? request.accept;
  const path = `${repository}/${question.path}`;
  const key = JSON.stringify([place, path, normalisedAccept(accept)]);
  const known = memories.missing.fresh(key, MISSING_MS);
  if (known !== undefined) return { kind: 'refused', refusal: known };
  const headers = {
    ...via,
    'accept-encoding': 'identity',
    ...(accept === undefined ? {} : { accept }),
    ...(question.range === undefined ? {} : { range: question.range }),
  };
  try {
    const document = await upstream.ask({ ...question, path, repository, headers }, caller);
    return remember(document, request, { ...question, key }, memories);
  } catch (error) {
    const isDecided = error instanceof UnauthorizedError || error instanceof DeniedError;
    if (isDecided && question.isProof) memories.grants.revoke(place);
    return { kind: isDecided ? 'refused' : 'failing', refusal: refusalOf(error) };
  }
}

function remember(
  document: UpstreamDocument,
  { place }: ProxyRequest,
  { key, isProof, range }: Question & { readonly key: string },
  { grants, missing }: Memories,
): Consultation {
  const { status, headers } = document;
  const isPart = range !== undefined;
  // Where a log-in stands before a registry, whoever is not logged in gets a page, not a refusal.
  const isPage = /^text\/html/i.test(headers.get('content-type') ?? '');
  if (status < 300 && isPage) return { kind: 'refused', refusal: A_PAGE };
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (status < 300 && encoding !== 'identity') return { kind: 'refused', refusal: ENCODED };
  if (status === 200 || (isPart && status === 206)) {
    if (isProof) grants.add(place);
    return { kind: 'ok', document };
  }
  // That it redirects, where it is not followed, says nothing yet: that may lead to such a page.
  if (isRedirect(status)) return { kind: 'ok', document };
  const refusal = passedOn(document);
  if (isFailing(status)) return { kind: 'failing', refusal };
  if (isProof && (status === 401 || status === 403)) grants.revoke(place);
  if (status === 404 && bytesOf(refusal) <= MISSING_BYTES_MAX) missing.set(key, refusal);
  return { kind: 'refused', refusal };
}

function bytesOf({ headers, body }: Refusal): number {
  return Object.values(headers).reduce((sum, value) => sum + value.length, body.byteLength);
}

/** Its bytes would not have the digest, and clients of ours have not asked for it. */
const ENCODED = refusal(502, 'UNAVAILABLE', 'the upstream compressed its answer unasked');
const A_PAGE = refusal(502, 'UNAVAILABLE', 'the upstream answered with a web page');

/**
 * Opens the body of a blob: directly, or at the URL the registry redirects to. Such a URL is used
 * until it expires or is refused, and asked for once for however many readers wait for it.
 */
import { orAbort } from '@shoal/concurrency';
import type { Descriptor, Digest } from '@shoal/oci';
import { discardBody } from '../http/body-pieces.ts';
import type { HttpAnswer, Turn } from '../http/messages.ts';
import { isRedirect, redirectTarget } from '../http/redirect.ts';
import { BLOB_ROUNDS_MAX } from '../limits.ts';
import { type BlobLocation, BlobLocations } from './blob-locations.ts';
import type { BodyRequest } from './blob-reader.ts';
import type { Endpoint } from './endpoint.ts';

export type BlobRequest = BodyRequest<Descriptor>;

/** How asking the registry ended, for those who waited. */
type Outcome = { readonly error: unknown } | 'redirected' | 'direct' | 'cancelled';

const ANYBODY = () => 0;

/** What storage says to a URL whose time is over. */
const REFUSED_STATUSES: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

export class BlobOpener {
  readonly #endpoint: Endpoint;
  readonly #repository: string;
  readonly #locations = new BlobLocations();
  readonly #asking = new Map<Digest, Promise<Outcome>>();
  /** False once the registry has served a blob itself: then nobody waits for anybody. */
  #mayRedirect = true;

  constructor(endpoint: Endpoint, repository: string) {
    this.#endpoint = endpoint;
    this.#repository = repository;
  }

  /** Status 200 or 206. One try: the caller has the retries. */
  async open(request: BlobRequest): Promise<HttpAnswer> {
    const { digest } = request.descriptor;
    for (let round = 0; round < BLOB_ROUNDS_MAX; round++) {
      const location = this.#locations.find(digest);
      if (location !== undefined) {
        const answer = await this.#openAt(location, request);
        if (answer !== undefined) return answer;
        continue;
      }
      const asking = this.#mayRedirect ? this.#asking.get(digest) : undefined;
      if (asking === undefined) return this.#askOnceForAll(request);
      const outcome = await orAbort(asking, request.signal);
      if (typeof outcome === 'object') throw outcome.error;
    }
    return this.#askOnceForAll(request);
  }

  /** Undefined when the location is refused; it is then forgotten. */
  async #openAt(location: BlobLocation, request: BlobRequest): Promise<HttpAnswer | undefined> {
    const answer = await this.#elsewhere(location.url, request);
    if (answer.status === 200 || answer.status === 206) return answer;
    if (!REFUSED_STATUSES.has(answer.status)) throw await this.#failure(answer, request);
    await discardBody(answer);
    this.#locations.drop(request.descriptor.digest, location);
    return undefined;
  }

  async #askOnceForAll(request: BlobRequest): Promise<HttpAnswer> {
    const { digest } = request.descriptor;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    if (!this.#asking.has(digest)) this.#asking.set(digest, promise);
    try {
      return await this.#ask(request, resolve);
    } catch (error) {
      resolve(request.signal?.aborted === true ? 'cancelled' : { error });
      throw error;
    } finally {
      resolve('cancelled');
      if (this.#asking.get(digest) === promise) this.#asking.delete(digest);
    }
  }

  async #ask(request: BlobRequest, tell: (outcome: Outcome) => void): Promise<HttpAnswer> {
    const { descriptor, range, signal, attempt } = request;
    const answer = await this.#endpoint.callOnce(
      {
        method: 'GET',
        target: `/v2/${this.#repository}/blobs/${descriptor.digest}`,
        scopes: [`repository:${this.#repository}:pull`],
        headers: bodyHeaders(range),
        accept: [200, 206, 301, 302, 303, 307, 308],
        subject: subjectOf(this.#repository, descriptor.digest),
        signal,
        turn: this.#turnOf(request),
      },
      attempt,
    );
    if (!isRedirect(answer.status)) {
      this.#mayRedirect = false;
      tell('direct');
      return answer;
    }
    const url = redirectTarget(answer, this.#endpoint.redirects);
    await discardBody(answer);
    this.#mayRedirect = true;
    this.#locations.add(descriptor.digest, url);
    this.#asking.delete(descriptor.digest);
    tell('redirected');
    const body = await this.#elsewhere(url, request);
    if (body.status === 200 || body.status === 206) return body;
    throw await this.#failure(body, request);
  }

  #elsewhere(url: URL, request: BlobRequest): Promise<HttpAnswer> {
    const { range, signal, attempt } = request;
    const scopes = [`repository:${this.#repository}:pull`];
    const turn = this.#turnOf(request);
    const followed = { method: 'GET', headers: bodyHeaders(range), signal, scopes, turn } as const;
    return this.#endpoint.follow(url, followed, attempt);
  }

  #turnOf({ rank = ANYBODY, attempt }: BlobRequest): Turn {
    return { rank, attempt, waitMsMax: this.#endpoint.policy.retryAfterMaxMs };
  }

  #failure(answer: HttpAnswer, { descriptor }: BlobRequest): Promise<unknown> {
    return this.#endpoint.failureOf(answer, subjectOf(this.#repository, descriptor.digest));
  }
}

function bodyHeaders(range: string | undefined): Record<string, string> {
  return { 'accept-encoding': 'identity', ...(range === undefined ? {} : { range }) };
}

export function subjectOf(repository: string, digest: Digest): string {
  return `${repository}: blob ${digest}`;
}

/**
 * Small answers of an upstream (manifests, lists, heads) within a time limit. Equal requests at the
 * same moment are one; an upstream that says nothing twice in a row is left alone for a while.
 */
import { afterAwakeMs } from '@shoal/concurrency';
import { MANIFEST_BYTES_MAX } from '@shoal/oci';
import { TransferError } from '@shoal/registry-client';
import {
  type AccessRequest,
  bodyPieces,
  type Caller,
  collectBounded,
  cutBody,
  discardBody,
  type HttpAnswer,
  type HttpHeaders,
  isRedirect,
  type RegistryAccess,
  redirectTarget,
  requestFailure,
} from '@shoal/registry-client/upstream';
import { identityOf } from '../access/client-facts.ts';
import { Flights } from '../cache/flights.ts';
import type { Clock } from '../clock.ts';
import { ProxyBusyError, UpstreamRestError, UpstreamTimeoutError } from '../errors.ts';
import {
  ANSWER_TIMEOUT_MS,
  DOCUMENT_TIMEOUT_MS,
  DOCUMENTS_MAX,
  ERROR_BODY_BYTES_MAX,
  UPSTREAM_REST_MS,
  UPSTREAM_SILENCES_MAX,
} from '../limits.ts';

export type DocumentRequest = {
  readonly method: 'GET' | 'HEAD';
  /** Below `/v2/`, may have a query. */
  readonly path: string;
  readonly repository: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** @default MANIFEST_BYTES_MAX */
  readonly bytesMax?: number | undefined;
  /** False: that it redirects is the answer. @default true */
  readonly followsRedirects?: boolean | undefined;
  /** True: the body of a success is thrown away. @default false */
  readonly isHeadEnough?: boolean | undefined;
  /** It may be long, and take the upstream its time: that says nothing of other answers. @default false */
  readonly isList?: boolean | undefined;
};

export type UpstreamDocument = {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Empty after a HEAD. */
  readonly body: Buffer;
};

export class AskedDocuments {
  readonly #access: RegistryAccess;
  readonly #where: string;
  readonly #mayBePlain: boolean;
  readonly #clock: Clock;
  readonly #flights = new Flights<UpstreamDocument>();
  #silences = 0;
  #restsUntilMs = 0;

  constructor(access: RegistryAccess, where: string, address: URL, clock: Clock) {
    this.#access = access;
    this.#where = where;
    this.#mayBePlain = address.protocol === 'http:';
    this.#clock = clock;
  }

  /** Not tied to who waits: what is under way ends soon, and the next one may want it. */
  ask(request: DocumentRequest, caller: Caller): Promise<UpstreamDocument> {
    const { method, path, headers, followsRedirects, isHeadEnough } = request;
    const as = identityOf(caller);
    const key = JSON.stringify([method, path, headers, followsRedirects, isHeadEnough, as]);
    return this.#flights.run(key, undefined, () => this.#askWithinLimits(request, caller));
  }

  async #askWithinLimits(request: DocumentRequest, caller: Caller): Promise<UpstreamDocument> {
    if (this.#clock() < this.#restsUntilMs) throw new UpstreamRestError(this.#where);
    if (this.#flights.size > DOCUMENTS_MAX) throw new ProxyBusyError(this.#where);
    const controller = new AbortController();
    const limit = (timeoutMs: number) =>
      afterAwakeMs(timeoutMs, () =>
        controller.abort(new UpstreamTimeoutError(this.#where, timeoutMs)),
      );
    let endLimit = limit(ANSWER_TIMEOUT_MS);
    try {
      const answer = await this.#send(request, caller, controller.signal);
      endLimit();
      this.#silences = 0;
      endLimit = limit(DOCUMENT_TIMEOUT_MS);
      return await this.#documentOf(answer, request, controller.signal);
    } catch (error) {
      if (error instanceof UpstreamTimeoutError && request.isList !== true) this.#noteSilence();
      throw error;
    } finally {
      endLimit();
    }
  }

  #noteSilence(): void {
    this.#silences++;
    if (this.#silences >= UPSTREAM_SILENCES_MAX)
      this.#restsUntilMs = this.#clock() + UPSTREAM_REST_MS;
  }

  /** A connection that was kept may have ended meanwhile: one more try is made at once. */
  async #send(request: DocumentRequest, caller: Caller, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await this.#sendOnce(request, caller, signal, 1);
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      return this.#sendOnce(request, caller, signal, 2);
    }
  }

  async #sendOnce(
    request: DocumentRequest,
    caller: Caller,
    signal: AbortSignal,
    attempt: number,
  ): Promise<HttpAnswer> {
    const { method, path, repository, headers, followsRedirects = true } = request;
    const asked: AccessRequest = { method, path, repository, headers, signal, attempt };
    const answer = await this.#access.ask(asked, caller);
    if (!isRedirect(answer.status) || !followsRedirects) return answer;
    const url = redirectTarget(answer, { mayBePlain: this.#mayBePlain, isGuarded: true });
    await discardBody(answer);
    return this.#access.follow(url, asked, caller);
  }

  async #documentOf(
    answer: HttpAnswer,
    request: DocumentRequest,
    signal: AbortSignal,
  ): Promise<UpstreamDocument> {
    const { status, headers } = answer;
    if (request.isHeadEnough === true && status < 400) {
      if (request.method === 'GET') cutBody(answer);
      else await discardBody(answer);
      return { status, headers, body: Buffer.alloc(0) };
    }
    const where = `${this.#where}/${request.repository ?? ''}`;
    const bytesMax =
      status === 200 ? (request.bytesMax ?? MANIFEST_BYTES_MAX) : ERROR_BODY_BYTES_MAX;
    try {
      return { status, headers, body: await collectBounded(bodyPieces(answer), bytesMax, where) };
    } catch (error) {
      throw requestFailure(error, where, signal);
    }
  }
}

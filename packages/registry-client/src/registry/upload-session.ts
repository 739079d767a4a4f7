/**
 * One upload of a blob: opened by POST, fed by PATCH, ended by PUT. A request that breaks is sent
 * again from where the registry says it stands. Spec: OCI distribution, "Pushing blobs".
 */
import type { Digest } from '@shoal/oci';
import { NotFoundError, TransferError } from '../errors.ts';
import { discardBody } from '../http/body-pieces.ts';
import type { HttpAnswer } from '../http/messages.ts';
import { locationOf } from '../http/redirect.ts';
import { withRetry } from '../http/retry.ts';
import {
  UPLOAD_CANCEL_TIMEOUT_MS,
  UPLOAD_CHUNK_BYTES,
  UPLOAD_FINISH_TIMEOUT_MS,
} from '../limits.ts';
import type { Endpoint, EndpointRequest } from './endpoint.ts';

export type UploadPlace = {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly signal: AbortSignal | undefined;
};

export class UploadSession {
  readonly #place: UploadPlace;
  #location: URL;
  /** Smallest PATCH the registry takes. */
  readonly chunkBytesMin: number;

  private constructor(place: UploadPlace, opened: HttpAnswer) {
    this.#place = place;
    this.#location = locationOf(opened);
    const asked = Number(opened.headers.get('oci-chunk-min-length') ?? '0');
    this.chunkBytesMin = Number.isSafeInteger(asked) ? asked : UPLOAD_CHUNK_BYTES;
  }

  static async open(place: UploadPlace): Promise<UploadSession> {
    const { endpoint, repository } = place;
    const answer = await endpoint.callForHead({
      ...requestOf(place, 'POST', `/v2/${repository}/blobs/uploads/`),
      headers: { 'content-length': '0' },
      accept: [202],
    });
    return new UploadSession(place, answer);
  }

  /** Takes over a session that a mount request has opened instead. */
  static adopt(place: UploadPlace, opened: HttpAnswer): UploadSession {
    return new UploadSession(place, opened);
  }

  /** Sends bytes that begin at `offset` of the blob. */
  async append(bytes: Uint8Array, offset: number): Promise<void> {
    const { endpoint, signal } = this.#place;
    await withRetry(endpoint.policy, signal, async (attempt) => {
      const done = attempt === 1 ? 0 : await this.#taken(offset, bytes.byteLength);
      if (done === bytes.byteLength) return;
      const answer = await endpoint.callOnce(
        {
          ...requestOf(this.#place, 'PATCH', this.#location),
          headers: {
            'content-type': 'application/octet-stream',
            'content-range': `${offset + done}-${offset + bytes.byteLength - 1}`,
          },
          body: bytes.subarray(done),
          accept: [201, 202, 204],
        },
        attempt,
      );
      await this.#moveOn(answer);
    });
  }

  /** How many bytes from `offset` the registry has of a PATCH that broke. */
  async #accepted(offset: number, length: number): Promise<number> {
    const request = requestOf(this.#place, 'GET', this.#location);
    const answer = await this.#place.endpoint.callOnce({ ...request, accept: [204, 202, 200] }, 1);
    const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.get('range') ?? '')?.[1];
    await this.#moveOn(answer);
    // "0-0" is how registries say that they have nothing
    const total = last === undefined || last === '0' ? 0 : Number(last) + 1;
    if (total >= offset && total <= offset + length) return total - offset;
    throw this.#lost(`it has ${total} bytes, ${offset} were acknowledged`);
  }

  /** Like `#accepted`, for a PATCH: an upload that is gone cannot be made up for. */
  async #taken(offset: number, length: number): Promise<number> {
    try {
      return await this.#accepted(offset, length);
    } catch (error) {
      if (isUploadGone(error)) throw this.#lost('its connection broke', error);
      throw error;
    }
  }

  /** Some registries give up an upload after a broken request: nothing can be sent again then. */
  #lost(detail: string, cause?: unknown): TransferError {
    const { endpoint, repository } = this.#place;
    return new TransferError(
      `${endpoint.registry}/${repository}: the registry lost an upload (${detail})`,
      { cause, remedy: 'run the command again' },
    );
  }

  /** Ends the upload; `rest` is the last part of the blob, or all of it. */
  async finish(digest: Digest, rest: Uint8Array, offset: number): Promise<HttpAnswer> {
    const { endpoint, signal, repository } = this.#place;
    return withRetry(endpoint.policy, signal, async (attempt) => {
      if (attempt > 1 && offset > 0 && rest.byteLength > 0) await this.#refuseHalf(offset);
      const url = new URL(this.#location);
      url.searchParams.set('digest', digest);
      const answer = await endpoint.callOnce(
        {
          ...requestOf(this.#place, 'PUT', url),
          subject: `${repository}: upload of ${digest}`,
          headers: {
            'content-type': 'application/octet-stream',
            ...(offset > 0 && rest.byteLength > 0
              ? { 'content-range': `${offset}-${offset + rest.byteLength - 1}` }
              : {}),
          },
          body: rest,
          headersTimeoutMs: UPLOAD_FINISH_TIMEOUT_MS,
          accept: [201, 204],
        },
        attempt,
      );
      await discardBody(answer);
      return answer;
    });
  }

  /** After a broken PUT the session must stand where it stood before. */
  async #refuseHalf(offset: number): Promise<void> {
    const done = await this.#accepted(offset, 0);
    if (done !== 0) throw new TransferError(`${this.#place.repository}: half an upload was taken`);
  }

  /** Tells the registry to forget the upload; failures do not matter. */
  async cancel(): Promise<void> {
    const signal = AbortSignal.timeout(UPLOAD_CANCEL_TIMEOUT_MS);
    try {
      const request = requestOf({ ...this.#place, signal }, 'DELETE', this.#location);
      await discardBody(
        await this.#place.endpoint.callOnce({ ...request, accept: [204, 202, 200] }, 1),
      );
    } catch {
      // the registry removes old uploads itself
    }
  }

  async #moveOn(answer: HttpAnswer): Promise<void> {
    await discardBody(answer);
    if (answer.headers.has('location')) this.#location = locationOf(answer);
  }
}

type UploadMethod = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

function requestOf(
  { repository, signal }: UploadPlace,
  method: UploadMethod,
  target: string | URL,
): Omit<EndpointRequest, 'accept'> {
  return {
    method,
    target,
    scopes: [`repository:${repository}:pull,push`],
    subject: `${repository}: upload`,
    signal,
  };
}

/** True for the answer of a registry that has forgotten an upload, or has already finished it. */
export function isUploadGone(error: unknown): boolean {
  return error instanceof NotFoundError;
}

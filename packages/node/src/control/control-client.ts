/**
 * The commands' side of the control socket: one connection per request. Questions have a time limit,
 * because a daemon may be stopped or stuck; requests that change something have none (a mount over a
 * slow link takes what it takes; the caller's signal ends it).
 */
import type { IncomingMessage } from 'node:http';
import { errorCode } from '@shoal/errors';
import { readBounded } from '@shoal/oci/bounded-body';
import type { MountRequest, UnmountRequest } from '@shoal/snapshotter';
import type { CollectedCache, CollectRequest } from '../cache/cache-collector.ts';
import type { VerifiedCache } from '../cache/verify-caches.ts';
import {
  ControlProtocolError,
  DaemonNotRunningError,
  DaemonSilentError,
  NotRootError,
} from '../errors.ts';
import { ANSWER_BYTES_MAX, ANSWER_TIMEOUT_MS } from '../limits.ts';
import { request as httpRequest } from '../node-http.ts';
import type { AskedBlob, AskedRange, SharedBytes } from '../peers/shared-blobs.ts';
import { checkBody, decodeError } from './control-errors.ts';
import {
  CONTROL_PATH,
  type DrainAnswer,
  type DrainRequest,
  type DriverFacts,
  FETCHED_HEADER,
  fetchedSchema,
  type MountAnswer,
  type MountProgress,
  type MountTrace,
  type PingAnswer,
  pingSchema,
  type SharingAnswer,
  type StatusAnswer,
  type StopAnswer,
  type StopRequest,
  type TraceRequest,
  type UnmountAnswer,
} from './control-protocol.ts';

export type ControlOptions = { readonly signal?: AbortSignal | undefined };

export class ControlClient {
  readonly #socket: string;
  readonly #answerTimeoutMs: number;

  constructor(socket: string, options: { readonly answerTimeoutMs?: number } = {}) {
    this.#socket = socket;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  async ping(options: ControlOptions = {}): Promise<PingAnswer> {
    return checkBody(pingSchema, await this.#get(CONTROL_PATH.ping, options), 'ping');
  }

  // The answers below are taken as they come: a path names the protocol's version (/v1), and
  // answers of one version have at least the fields of these types.
  async status(options: ControlOptions = {}): Promise<StatusAnswer> {
    return (await this.#get(CONTROL_PATH.status, options)) as StatusAnswer;
  }

  async drivers(options: ControlOptions = {}): Promise<readonly DriverFacts[]> {
    return (await this.#get(CONTROL_PATH.drivers, options)) as readonly DriverFacts[];
  }

  async mount(request: MountRequest, options: ControlOptions = {}): Promise<MountAnswer> {
    return (await this.#call('POST', CONTROL_PATH.mount, request, options)) as MountAnswer;
  }

  async unmount(request: UnmountRequest, options: ControlOptions = {}): Promise<UnmountAnswer> {
    return (await this.#call('POST', CONTROL_PATH.unmount, request, options)) as UnmountAnswer;
  }

  /** Mount requests that run. */
  async mounting(options: ControlOptions = {}): Promise<readonly MountProgress[]> {
    return (await this.#get(CONTROL_PATH.mounting, options)) as readonly MountProgress[];
  }

  /** Unmounts what is not busy; the daemon leaves when nothing needs it any more. */
  async drain(request: DrainRequest, options: ControlOptions = {}): Promise<DrainAnswer> {
    return (await this.#call('POST', CONTROL_PATH.drain, request, options)) as DrainAnswer;
  }

  /** What of the caches may go: removed, or only named. */
  async collectCaches(
    request: CollectRequest,
    options: ControlOptions = {},
  ): Promise<readonly CollectedCache[]> {
    const answer = await this.#call('POST', CONTROL_PATH.cacheGc, request, options);
    return answer as CollectedCache[];
  }

  /** Takes as long as reading all that mounts have here. */
  async verifyCaches(options: ControlOptions = {}): Promise<readonly VerifiedCache[]> {
    const answer = await this.#call('POST', CONTROL_PATH.cacheVerify, {}, options);
    return answer as VerifiedCache[];
  }

  /** The reads of mounted images that waited. */
  async trace(request: TraceRequest, options: ControlOptions = {}): Promise<readonly MountTrace[]> {
    return (await this.#call('POST', CONTROL_PATH.trace, request, options)) as MountTrace[];
  }

  /** Whether blobs come through other hosts, too. */
  async sharing(options: ControlOptions = {}): Promise<SharingAnswer> {
    return (await this.#get(CONTROL_PATH.sharing, options)) as SharingAnswer;
  }

  /** A range of a whole blob, through the daemon's peers. */
  async readBlob(range: AskedRange, options: ControlOptions = {}): Promise<SharedBytes> {
    const response = await this.#send('POST', CONTROL_PATH.blobRead, range, options);
    const bytes = await this.#bytesOf(response);
    const status = response.statusCode ?? 0;
    if (status !== 200) throw decodeError(status, jsonOf(bytes));
    if (bytes.length !== range.length) {
      throw new ControlProtocolError(`${bytes.length} bytes came instead of ${range.length}`);
    }
    const header = response.headers[FETCHED_HEADER];
    const fetched = jsonOf(Buffer.from(typeof header === 'string' ? header : '{}'));
    return { bytes, fetched: checkBody(fetchedSchema, fetched, 'blob') };
  }

  /** The whole is not what its digest says. */
  async refuteBlob(blob: AskedBlob, options: ControlOptions = {}): Promise<void> {
    await this.#call('POST', CONTROL_PATH.blobRefute, blob, options);
  }

  /** The daemon leaves; mounts wait for the next one. */
  async stop(request: StopRequest, options: ControlOptions = {}): Promise<StopAnswer> {
    return (await this.#call('POST', CONTROL_PATH.stop, request, options)) as StopAnswer;
  }

  async #get(path: string, { signal }: ControlOptions): Promise<unknown> {
    const limit = AbortSignal.timeout(this.#answerTimeoutMs);
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    try {
      return await this.#call('GET', path, undefined, { signal: either });
    } catch (error) {
      if (!limit.aborted || signal?.aborted === true) throw error;
      throw new DaemonSilentError(this.#socket, this.#answerTimeoutMs, { cause: error });
    }
  }

  async #call(
    method: string,
    path: string,
    body: unknown,
    options: ControlOptions,
  ): Promise<unknown> {
    const response = await this.#send(method, path, body, options);
    const answer = jsonOf(await this.#bytesOf(response));
    const status = response.statusCode ?? 0;
    if (status !== 200) throw decodeError(status, answer);
    return answer;
  }

  async #bytesOf(response: IncomingMessage): Promise<Buffer> {
    return await readAnswer(response).catch((error: unknown) => {
      throw connectFailure(error, this.#socket);
    });
  }

  #send(
    method: string,
    path: string,
    body: unknown,
    { signal }: ControlOptions,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        socketPath: this.#socket,
        method,
        path,
        agent: false,
        headers: { 'content-length': Buffer.byteLength(text), host: 'shoal' },
        ...(signal === undefined ? {} : { signal }),
      });
      request.once('response', resolve);
      request.once('error', (error) => reject(connectFailure(error, this.#socket)));
      request.end(text);
    });
  }
}

/** Also of a daemon that ends in the middle of its answer. */
function connectFailure(error: unknown, socket: string): unknown {
  switch (errorCode(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'EPIPE':
      return new DaemonNotRunningError(socket, { cause: error });
    case 'EACCES':
      return new NotRootError('talking to the daemon');
    default:
      return error;
  }
}

function readAnswer(response: IncomingMessage): Promise<Buffer> {
  const tooMuch = () => new ControlProtocolError('the answer is too large');
  return readBounded(response, ANSWER_BYTES_MAX, tooMuch);
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new ControlProtocolError('the answer is not JSON', { cause: error });
  }
}

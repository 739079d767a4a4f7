/**
 * The commands' side of the control socket: one connection per request, no time limit of its own
 * (a mount over a slow link takes what it takes; the caller's signal ends it).
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { errorCode } from '@shoal/errors';
import type { MountRequest, UnmountRequest } from '@shoal/snapshotter';
import { checkBody, decodeError } from './control-errors.ts';
import {
  CONTROL_PATH,
  type DriverFacts,
  type MountAnswer,
  type PingAnswer,
  pingSchema,
  type StatusAnswer,
  type UnmountAnswer,
} from './control-protocol.ts';
import { ControlProtocolError, DaemonNotRunningError, NotRootError } from './errors.ts';
import { ANSWER_BYTES_MAX } from './limits.ts';

export type ControlOptions = { readonly signal?: AbortSignal | undefined };

export class ControlClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async ping(options: ControlOptions = {}): Promise<PingAnswer> {
    return checkBody(pingSchema, await this.#get(CONTROL_PATH.ping, options), 'ping');
  }

  // The answers below are the daemon's own types: it is the same code on both sides, and the
  // version was compared by `ping`.
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

  #get(path: string, options: ControlOptions): Promise<unknown> {
    return this.#call('GET', path, undefined, options);
  }

  async #call(
    method: string,
    path: string,
    body: unknown,
    options: ControlOptions,
  ): Promise<unknown> {
    const response = await this.#send(method, path, body, options);
    const answer = await readAnswer(response);
    const status = response.statusCode ?? 0;
    if (status !== 200) throw decodeError(status, answer);
    return answer;
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

function connectFailure(error: Error, socket: string): Error {
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

async function readAnswer(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response) {
    const bytes: Buffer = Buffer.from(part);
    length += bytes.length;
    if (length > ANSWER_BYTES_MAX) throw new ControlProtocolError('the answer is too large');
    parts.push(bytes);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw new ControlProtocolError('the answer is not JSON', { cause: error });
  }
}

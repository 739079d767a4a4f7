/**
 * An HTTP proxy in front of a plain registry that breaks things on demand: for the tests of
 * whatever has to survive a bad network or a bad registry.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeServer, listenOnLoopback } from '../loopback-server.ts';
import type { TestScope } from '../test-scope.ts';
import type { Fault, FaultRule } from './faults.ts';

export type SeenRequest = {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
};

export class FaultProxy {
  /** `127.0.0.1:PORT`: use it in place of the registry's. */
  readonly host: string;
  /** Every request that arrived. */
  readonly seen: SeenRequest[] = [];
  /** Bytes of answers' bodies handed to the client. */
  bodyBytes = 0;
  readonly #upstream: string;
  readonly #server: Server;
  #rules: { rule: FaultRule; left: number }[] = [];

  private constructor(upstream: string, server: Server, port: number) {
    this.#upstream = upstream;
    this.#server = server;
    this.host = `127.0.0.1:${port}`;
  }

  /** `upstream` is the `host:port` of a registry that speaks plain HTTP. */
  static async listen(t: TestScope, upstream: string): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(upstream, server, await listenOnLoopback(server));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void proxy.#handle(request, response).catch(() => response.destroy());
    });
    t.teardown(() => proxy.close());
    return proxy;
  }

  /** Adds a fault; of several that match, the first that is not used up counts. */
  inject(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY });
  }

  /** How often rules with an end have not struck yet: 0 when all they stand for has happened. */
  get unused(): number {
    const lefts = this.#rules.map(({ left }) => left).filter(Number.isFinite);
    return lefts.reduce((sum, left) => sum + left, 0);
  }

  /** Back to passing everything on. */
  heal(): void {
    this.#rules = [];
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      range: request.headers.range,
      authorization: request.headers.authorization,
    });
    const fault = this.#pick(request);
    switch (fault?.kind) {
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'hang':
        request.resume();
        return;
      case 'status':
        request.resume();
        response.writeHead(fault.status, { 'content-length': '0', ...fault.headers });
        response.end();
        return;
      default:
        await this.#passOn(request, response, fault);
    }
  }

  #pick(request: IncomingMessage): Fault | undefined {
    const found = this.#rules.find(
      ({ rule, left }) => left > 0 && (rule.matches?.(request) ?? true),
    );
    if (found === undefined) return undefined;
    found.left--;
    return found.rule.fault;
  }

  async #passOn(
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    const answer = await this.#forward(request, fault);
    if (fault?.kind === 'lose-answer') {
      answer.resume();
      request.socket.resetAndDestroy();
      return;
    }
    const headers = { ...answer.headers };
    if (fault?.kind === 'shorten') headers['content-length'] = `${fault.bytes}`;
    response.writeHead(answer.statusCode ?? 502, headers);
    response.once('close', () => answer.destroy());
    let position = 0;
    for await (const piece of answer) {
      if (!Buffer.isBuffer(piece)) continue;
      for (const part of spoil(piece, position, fault)) {
        if (!response.write(part)) await drained(response);
        this.bodyBytes += part.byteLength;
        if (fault?.kind === 'slow') await sleep(fault.pauseMs);
      }
      position += piece.byteLength;
      if (fault?.kind === 'truncate' && position >= fault.afterBytes) {
        response.once('close', () => undefined);
        response.socket?.destroySoon();
        return;
      }
      if (fault?.kind === 'shorten' && position >= fault.bytes) break;
      if (response.destroyed) return;
    }
    response.end();
  }

  #forward(request: IncomingMessage, fault: Fault | undefined): Promise<IncomingMessage> {
    const headers = { ...request.headers };
    if (fault?.kind === 'ignore-range') delete headers.range;
    const [hostname, port] = this.#upstream.split(':');
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const forwarded = httpRequest(
      { hostname, port, method: request.method, path: request.url, headers, agent: false },
      resolve,
    );
    forwarded.on('error', reject);
    request.on('error', () => forwarded.destroy());
    request.pipe(forwarded);
    return promise;
  }
}

/** The parts of one piece of a body as the client shall see them. */
function spoil(piece: Buffer, position: number, fault: Fault | undefined): Buffer[] {
  switch (fault?.kind) {
    case 'truncate':
      return [piece.subarray(0, Math.max(0, fault.afterBytes - position))];
    case 'shorten':
      return [piece.subarray(0, Math.max(0, fault.bytes - position))];
    case 'corrupt': {
      const at = fault.atByte - position;
      if (at < 0 || at >= piece.byteLength) return [piece];
      const changed = Buffer.from(piece);
      changed.writeUInt8(changed.readUInt8(at) ^ 0xff, at);
      return [changed];
    }
    case 'slow': {
      const count = Math.ceil(piece.byteLength / fault.pieceBytes);
      return Array.from({ length: count }, (_, index) =>
        piece.subarray(index * fault.pieceBytes, (index + 1) * fault.pieceBytes),
      );
    }
    default:
      return [piece];
  }
}

async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

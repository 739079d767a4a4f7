/** A web server of one file for tests: ranges, ETag and dates as a test wants them, and every request seen. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { serveOnLoopback } from './loopback-server.ts';
import type { TestScope } from './test-scope.ts';

export type WebFileState = {
  content: Buffer;
  /** @default '"one"'; undefined: none */
  etag: string | undefined;
  hasRanges: boolean;
  /** False: the length is not told either. */
  tellsSize: boolean;
  /** Cuts each answer after so many bytes of its body. */
  cutAfter: number;
  /** Answers with a redirect to there. */
  redirect: string | undefined;
  headers: Readonly<Record<string, string>>;
};

export class WebFileServer {
  readonly host: string;
  readonly state: WebFileState;
  /** `Range` of each request, empty for those without. */
  readonly ranges: string[] = [];
  bytesSent = 0;

  static async open(t: TestScope, content: Buffer): Promise<WebFileServer> {
    const state: WebFileState = {
      ...{ content, etag: '"one"', hasRanges: true, tellsSize: true },
      ...{ cutAfter: Number.POSITIVE_INFINITY, redirect: undefined, headers: {} },
    };
    let served: WebFileServer | undefined;
    const server = createServer((request, response) => served?.answer(request, response));
    served = new WebFileServer(await serveOnLoopback(t, server), state);
    return served;
  }

  private constructor(host: string, state: WebFileState) {
    this.host = host;
    this.state = state;
  }

  /** Of a path on it. */
  url(path = '/files/file.bin'): string {
    return `http://${this.host}${path}`;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { content, etag, hasRanges, tellsSize, redirect, headers: more } = this.state;
    this.ranges.push(request.headers.range ?? '');
    if (redirect !== undefined) {
      response.writeHead(302, { location: redirect, 'content-length': 0 }).end();
      return;
    }
    const asked = hasRanges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
    const start = Number(asked?.[1] ?? 0);
    const end = Math.min(Number(asked?.[2] || content.length - 1), content.length - 1);
    const headers: Record<string, string> = { ...more };
    if (etag !== undefined) headers['etag'] = etag;
    if (asked !== null && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(start, end + 1);
    if (tellsSize) headers['content-length'] = String(body.length);
    if (asked !== null) headers['content-range'] = `bytes ${start}-${end}/${content.length}`;
    response.writeHead(asked === null ? 200 : 206, headers);
    this.#send(body, response);
  }

  #send(body: Buffer, response: ServerResponse): void {
    const { cutAfter } = this.state;
    const sent = body.subarray(0, cutAfter);
    this.bytesSent += sent.length;
    if (sent.length === body.length) response.end(sent);
    else response.write(sent, () => response.socket?.destroySoon());
  }
}

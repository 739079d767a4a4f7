/**
 * Passes one HTTP/2 stream on to another server and its answer back: headers, bytes and trailers as
 * they are, so that every gRPC call of every version goes through, streams included.
 */
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';

export type CallObserver = {
  /** The status of the call as gRPC has it; undefined when it ended without one. Called once. */
  finished(grpcStatus: string | undefined): void;
};

/** Spec: gRPC status codes. */
const UNAVAILABLE = '14';

/** Nothing can be sent any more. Who left may still have bytes here that nobody has read. */
export function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}

/** Answers as a gRPC server that cannot do it now. */
export function refuseCall(stream: ServerHttp2Stream, message: string): void {
  if (isGone(stream) || stream.headersSent) {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const headers = {
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': UNAVAILABLE,
    'grpc-message': encodeURI(message),
  };
  stream.respond(headers, { endStream: true });
}

/** `upstream` has been opened; whoever calls sends or pipes the request's body into it. */
export function forwardAnswer(
  downstream: ServerHttp2Stream,
  upstream: ClientHttp2Stream,
  observer: CallObserver | undefined,
): void {
  let trailers: OutgoingHttpHeaders = { 'grpc-status': UNAVAILABLE };
  let status: string | undefined;
  let isFinished = false;
  const finish = () => {
    if (!isFinished) observer?.finished(status);
    isFinished = true;
  };
  upstream.on('response', (headers, flags) => {
    status = statusOf(headers);
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (endStream) finish();
    if (isGone(downstream)) return;
    downstream.respond(withoutSymbols(headers), { endStream, waitForTrailers: !endStream });
    if (!endStream) upstream.pipe(downstream);
  });
  upstream.on('trailers', (headers) => {
    status ??= statusOf(headers);
    trailers = withoutSymbols(headers);
    finish();
  });
  downstream.on('wantTrailers', () => {
    if (!isGone(downstream)) downstream.sendTrailers(trailers);
  });
  upstream.on('error', () => undefined);
  downstream.on('error', () => undefined);
  upstream.on('close', () => {
    finish();
    if (isGone(downstream) || downstream.writableEnded) return;
    if (upstream.rstCode === constants.NGHTTP2_NO_ERROR && downstream.headersSent) return;
    refuseCall(downstream, 'the container runtime ended the call');
  });
  downstream.on('close', () => {
    if (!upstream.destroyed) upstream.close(constants.NGHTTP2_CANCEL);
  });
}

function statusOf(headers: IncomingHttpHeaders): string | undefined {
  const value = headers['grpc-status'];
  return typeof value === 'string' ? value : undefined;
}

/** Node marks sensitive headers with a symbol; the rest are strings and lists. */
export function withoutSymbols(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers));
}

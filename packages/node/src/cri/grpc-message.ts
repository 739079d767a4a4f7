/**
 * The body of a gRPC call with one message: a flag, a length, the message. Spec: gRPC over HTTP/2,
 * "Length-Prefixed-Message".
 */
import { gunzipSync } from 'node:zlib';
import { PULL_REQUEST_BYTES_MAX } from '../limits.ts';

const PREFIX_BYTES = 5;

/** The message; undefined when the body is another one than we can read. */
export function decodeGrpcMessage(body: Buffer, encoding: string | undefined): Buffer | undefined {
  if (body.byteLength < PREFIX_BYTES) return undefined;
  const isCompressed = body.readUInt8(0) === 1;
  const message = body.subarray(PREFIX_BYTES);
  if (body.readUInt32BE(1) !== message.byteLength) return undefined;
  if (!isCompressed) return message;
  if (encoding !== 'gzip') return undefined;
  try {
    return gunzipSync(message, { maxOutputLength: PULL_REQUEST_BYTES_MAX });
  } catch {
    return undefined;
  }
}

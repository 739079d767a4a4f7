/** Short questions to the sockets of containerd and of a snapshotter; without generated code. */
import { existsSync } from 'node:fs';
import { SOCKET_ANSWER_MS_MAX } from '../limits.ts';

const VERSION_PATH = '/containerd.services.version.v1.Version/Version';
const HEALTH_PATH = '/grpc.health.v1.Health/Check';

/** `1.6.20`, without what follows; undefined when nothing answers. */
export async function askContainerdVersion(socket: string): Promise<string | undefined> {
  const answer = await ask(socket, VERSION_PATH);
  return answer === undefined ? undefined : decodeVersion(answer);
}

/** Whether a gRPC server says there that it serves. */
export async function isServing(socket: string): Promise<boolean> {
  const answer = await ask(socket, HEALTH_PATH);
  // Field 1 of HealthCheckResponse, an enumeration: SERVING is 1.
  return answer?.[0] === 0x08 && answer[1] === 1;
}

/** Field 1 of VersionResponse, a string: tag, length, bytes. */
export function decodeVersion(message: Buffer): string | undefined {
  if (message[0] !== 0x0a) return undefined;
  const text = message.toString('latin1', 2, 2 + (message[1] ?? 0));
  return /\d+\.\d+(\.\d+)?/.exec(text)?.[0];
}

/** The answer to an empty message; undefined when there is none. */
async function ask(socket: string, path: string): Promise<Buffer | undefined> {
  if (!existsSync(socket)) return undefined;
  const { Client, credentials } = await import('@grpc/grpc-js');
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const none = () => Buffer.alloc(0);
  const deadline = new Date(Date.now() + SOCKET_ANSWER_MS_MAX);
  client.makeUnaryRequest(
    path,
    none,
    (bytes) => bytes,
    {},
    { deadline },
    (error, answer) => {
      resolve(error === null ? answer : undefined);
    },
  );
  try {
    return await promise;
  } finally {
    client.close();
  }
}

/**
 * What a host with a certificate and a token can do to others: ask without end and read nothing, ask
 * for more than is allowed, name huge lengths, talk nonsense before and after TLS, and stay silent.
 * Whoever sends it away meets it again at once.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SizedBlob } from '@shoal/blob-store';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../../src/limits.ts';
import { dial, secure } from '../../src/wire/handshakes/connection.ts';
import { QUEUED_REQUESTS_MAX } from '../../src/wire/limits.ts';
import type { HostileScene } from './hostile-host.ts';
import { hostHello, messageBytes } from './raw-peer.ts';
import { PATIENT } from './wire-pair.ts';

type Flood = {
  /** @default true */
  readonly isSecure?: boolean;
  /** Whatever comes is left in the socket. @default false */
  readonly readsNothing?: boolean;
  /** What is sent, one after the other as long as there is room. */
  readonly bytes: (scene: HostileScene, blob: SizedBlob) => Iterable<Buffer>;
};

const NONSENSE_BYTES = 64 << 10;
const AGAIN_MS = 50;

const FLOODS: Readonly<Record<string, Flood>> = {
  'asks and reads nothing': { readsNothing: true, bytes: asksForAll },
  'asks again and again': { bytes: asksWithoutEnd },
  'names huge lengths': { bytes: namesHugeLengths },
  'talks nonsense in TLS': { bytes: nonsense },
  'talks nonsense': { isSecure: false, bytes: nonsense },
  'says nothing': { bytes: () => [] },
  'says nothing before TLS': { isSecure: false, bytes: () => [] },
};

/** Goes on until the program ends. */
export function flood(scene: HostileScene): void {
  const { victims, connections } = scene.options;
  for (const [name, kind] of Object.entries(FLOODS)) {
    for (const victim of victims) {
      for (let number = 0; number < connections; number++) void repeat(scene, name, kind, victim);
    }
  }
}

async function repeat(scene: HostileScene, name: string, kind: Flood, victim: string) {
  for (;;) {
    await floodOnce(scene, name, kind, victim).catch(() => undefined);
    await sleep(AGAIN_MS);
  }
}

async function floodOnce(scene: HostileScene, name: string, kind: Flood, address: string) {
  const { isSecure = true, readsNothing = false } = kind;
  const plain = await dial({ address, timeoutMs: PATIENT.dialTimeoutMs });
  plain.on('error', () => undefined);
  const socket = isSecure ? await secure(plain, scene.trust.identity(), address) : plain;
  scene.count(name);
  if (!readsNothing) socket.resume();
  const blob = scene.blobs[scene.blobs.length - 1];
  if (blob !== undefined) await send(socket, kind.bytes(scene, blob));
  if (!socket.closed) await once(socket, 'close');
}

async function send(socket: Socket, parts: Iterable<Buffer>): Promise<void> {
  const closed = once(socket, 'close');
  for (const part of parts) {
    if (socket.destroyed) return;
    if (!socket.write(part)) await Promise.race([once(socket, 'drain'), closed]);
  }
}

/** As much at once as is allowed. */
function* asksForAll(scene: HostileScene, blob: SizedBlob): Generator<Buffer> {
  yield* hello(scene, blob);
  yield Buffer.concat(Array.from({ length: QUEUED_REQUESTS_MAX }, (_, at) => request(blob, at)));
}

function* asksWithoutEnd(scene: HostileScene, blob: SizedBlob): Generator<Buffer> {
  yield* hello(scene, blob);
  for (let at = 0; ; at++) yield request(blob, at);
}

function* namesHugeLengths(scene: HostileScene, blob: SizedBlob): Generator<Buffer> {
  yield* hello(scene, blob);
  yield Buffer.from('7fffffff07', 'hex');
  yield* nonsense();
}

function* nonsense(): Generator<Buffer> {
  for (;;) yield randomBytes(NONSENSE_BYTES);
}

function hello({ self, trust, repository }: HostileScene, blob: SizedBlob): Buffer[] {
  return hostHello({ self, trust }, { ...blob, repository });
}

function request({ sizeBytes }: SizedBlob, number: number): Buffer {
  const blocks = Math.max(1, Math.floor(sizeBytes / BLOCK_BYTES_MAX));
  const at = (number % blocks) * BLOCK_BYTES_MAX;
  const length = Math.min(BLOCK_BYTES_MAX, sizeBytes - at);
  return messageBytes(6, Math.floor(at / PIECE_BYTES), at % PIECE_BYTES, length);
}

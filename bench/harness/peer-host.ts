/**
 * A host that shares one blob of random bytes: a peer of this process, with its own certificate, and the
 * same bytes as a plain HTTP server gives ranges of them. Both read the same file.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, open, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import type { BlobSource } from '@shoal/blob-store';
import { CodecPool } from '@shoal/blob-store';
import { type BlobId, parseBlobId } from '@shoal/oci';
import { type HostFacts, type HostRole, openPeer, type Peer, parseHostName } from '@shoal/p2p-peer';
import { createAuthority, issueCertificate, loadTokenKey, signToken } from '@shoal/p2p-peer/trust';

export const REPOSITORY = 'bench.test/blob';
const AUTHORITY = 'authority';
const DAY_MS = 86_400_000;
const STORE_BYTES_MAX = 8 * 2 ** 30;
const READ_BYTES = 1 << 20;

export type BlobFile = { readonly path: string; readonly blobId: BlobId; readonly bytes: number };

/** Makes the authority and the blob. */
export async function makeBlob(directory: string, bytes: number): Promise<BlobFile> {
  await createAuthority(join(directory, AUTHORITY));
  const path = join(directory, 'blob');
  await using file = await open(path, 'w');
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; at += READ_BYTES) {
    const part = randomBytes(Math.min(READ_BYTES, bytes - at));
    hash.update(part);
    await file.write(part);
  }
  return { path, blobId: parseBlobId(hash.digest('hex')), bytes };
}

export type HostOptions = {
  readonly directory: string;
  readonly name: string;
  readonly role: HostRole;
  readonly seeds: readonly HostFacts[];
  readonly origin: BlobSource;
};

export type BenchHost = AsyncDisposable & { readonly peer: Peer };

/** Resolves when others would talk to it. */
export async function openBenchHost(options: HostOptions): Promise<BenchHost> {
  const { directory, name, role, seeds, origin } = options;
  const home = join(directory, name);
  const identityDirectory = join(home, 'tls');
  await writeIdentity(join(directory, AUTHORITY), identityDirectory, name, role);
  const pool = new CodecPool({ threads: 1 });
  const peer = await openPeer(
    {
      ...{ identityDirectory, seeds, trackers: [], zone: 'z', rack: 'r', version: 'bench' },
      ...{ listenHost: '127.0.0.1', port: 0, advertise: { host: '127.0.0.1', port: 0 } },
      ...{ directory: join(home, 'store'), bytesMax: STORE_BYTES_MAX },
    },
    {
      originOf: () => ({ origin, isBelieved: true }),
      pool,
      warm: () => Promise.reject(new Error('no images here')),
    },
  );
  while (!peer.status().hasToken) await new Promise((resolve) => setTimeout(resolve, 10));
  const close = async () => {
    await peer.close();
    await pool.close();
  };
  return { peer, [Symbol.asyncDispose]: close };
}

async function writeIdentity(
  authority: string,
  directory: string,
  name: string,
  role: HostRole,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const host = parseHostName(name);
  const issued = await issueCertificate(authority, { host, role, addresses: [], days: 1 });
  const key = await loadTokenKey(join(authority, 'token.key'));
  const life = { nowMs: Date.now(), lifeMs: DAY_MS };
  const { token } = signToken({ host, repositories: ['*'], ...life }, key);
  await copyFile(join(authority, 'token.pub'), join(directory, 'token.pub'));
  await writeFile(join(directory, 'ca.crt'), issued.ca);
  await writeFile(join(directory, 'tls.crt'), issued.cert);
  await writeFile(join(directory, 'tls.key'), issued.key, { mode: 0o600 });
  await writeFile(join(directory, 'token'), token, { mode: 0o600 });
}

/** The blob in a file, as an origin. */
export async function fileSource({ path }: BlobFile): Promise<BlobSource> {
  const file = await open(path);
  return {
    name: 'file',
    async read(_, offset, length) {
      const bytes = Buffer.from(new ArrayBuffer(length));
      await file.read(bytes, 0, length, offset);
      return bytes;
    },
    close: () => file.close(),
  };
}

/** Reads all of it, as a reader who finds everything right: the host holds it then. */
export async function fill({ peer }: BenchHost, blob: BlobFile, origin: BlobSource): Promise<void> {
  const { blobId, bytes: sizeBytes } = blob;
  const source = peer.source(origin, REPOSITORY);
  for (let at = 0; at < sizeBytes; at += READ_BYTES) {
    const length = Math.min(READ_BYTES, sizeBytes - at);
    await source.read({ blobId, sizeBytes }, at, length, {
      onVerdict: (listener) => setImmediate(() => listener(at, length, 'right')),
    });
  }
  while (peer.status().store.bytesSettled < sizeBytes) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export type RangeServer = AsyncDisposable & { readonly port: number };

/** Certificate and key of a host, and the authority of all. */
export type TlsFiles = { readonly ca: string; readonly cert: string; readonly key: string };

export function readTlsFiles(directory: string, name: string): TlsFiles {
  const text = (file: string) => readFileSync(join(directory, name, 'tls', file), 'utf8');
  return { ca: text('ca.crt'), cert: text('tls.crt'), key: text('tls.key') };
}

/**
 * Ranges of the blob over HTTP, one `pread` each; with `tls` over TLS 1.3, and for those alone who
 * have a certificate of the authority.
 */
export async function serveRanges({ path }: BlobFile, tls?: TlsFiles): Promise<RangeServer> {
  const file = await open(path);
  const answer: RequestListener = (request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const offset = Number(first);
    const length = Number(last) + 1 - offset;
    const bytes = Buffer.allocUnsafe(length);
    file.read(bytes, 0, length, offset).then(
      () => response.writeHead(206, { 'content-length': length }).end(bytes),
      () => response.writeHead(500).end(),
    );
  };
  const server =
    tls === undefined
      ? createServer(answer)
      : createTlsServer({ ...tls, requestCert: true, minVersion: 'TLSv1.3' }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await file.close();
  };
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, [Symbol.asyncDispose]: close };
}

/**
 * `/v2/NAME/blobs/...` of the embedded registry: reading with ranges, uploads, mounts.
 */
import { randomUUID } from 'node:crypto';
import { type Digest, isDigest } from '@shoal/oci';
import type { BlobVault, VaultUpload } from './blob-vault.ts';
import type { RepositoryShelf } from './repository-shelf.ts';
import type { RequestContext } from './request-context.ts';

export class BlobRoutes {
  readonly #vault: BlobVault;
  readonly #shelf: RepositoryShelf;
  readonly #uploads = new Map<string, VaultUpload>();

  constructor(vault: BlobVault, shelf: RepositoryShelf) {
    this.#vault = vault;
    this.#shelf = shelf;
  }

  async read(context: RequestContext, repository: string, digest: string): Promise<void> {
    const size = isDigest(digest) ? await this.#sizeOf(repository, digest) : undefined;
    if (!isDigest(digest) || size === undefined) {
      return context.sendError(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    }
    const headers = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
      etag: `"${digest}"`,
    };
    const span = parseRange(context.request.headers.range, size);
    if (span === 'outside') {
      return context.send(416, { ...headers, 'content-range': `bytes */${size}` });
    }
    const { start, end } = span ?? { start: 0, end: size };
    const described = {
      ...headers,
      'content-length': `${end - start}`,
      ...(span === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
    };
    if (context.method === 'HEAD') {
      context.response.writeHead(200, described);
      context.response.end();
      return;
    }
    await context.stream(
      span === undefined ? 200 : 206,
      described,
      this.#vault.read(digest, start, end),
    );
  }

  async #sizeOf(repository: string, digest: Digest): Promise<number | undefined> {
    return this.#shelf.get(repository).blobs.has(digest) ? this.#vault.sizeOf(digest) : undefined;
  }

  async startUpload(context: RequestContext, repository: string): Promise<void> {
    const query = context.url.searchParams;
    const mount = query.get('mount');
    const from = query.get('from');
    if (isDigest(mount) && from !== null && this.#shelf.get(from).blobs.has(mount)) {
      this.#shelf.get(repository).blobs.add(mount);
      return context.send(201, blobLocation(repository, mount));
    }
    const id = randomUUID();
    this.#uploads.set(id, await this.#vault.openUpload());
    const digest = query.get('digest');
    if (digest !== null) return this.finishUpload(context, repository, id);
    context.send(202, this.#uploadState(repository, id, 0));
  }

  async upload(context: RequestContext, repository: string, id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (upload === undefined) {
      return context.sendError(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    }
    switch (context.method) {
      case 'GET':
        return context.send(204, this.#uploadState(repository, id, upload.sizeBytes));
      case 'PATCH':
        return this.#append(context, repository, id, upload);
      case 'PUT':
        return this.finishUpload(context, repository, id);
      case 'DELETE':
        this.#uploads.delete(id);
        await upload.abort();
        return context.send(204, {});
      default:
        return context.sendError(405, 'UNSUPPORTED', 'the operation is unsupported');
    }
  }

  async #append(
    context: RequestContext,
    repository: string,
    id: string,
    upload: VaultUpload,
  ): Promise<void> {
    const range = /^(?:bytes )?(\d+)-\d+$/.exec(context.request.headers['content-range'] ?? '');
    if (range !== null && Number(range[1]) !== upload.sizeBytes) {
      return context.send(416, this.#uploadState(repository, id, upload.sizeBytes));
    }
    for await (const piece of context.body()) await upload.write(piece);
    context.send(202, this.#uploadState(repository, id, upload.sizeBytes));
  }

  async finishUpload(context: RequestContext, repository: string, id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    const digest = context.url.searchParams.get('digest');
    if (upload === undefined || !isDigest(digest)) {
      return context.sendError(400, 'DIGEST_INVALID', 'the digest is missing or malformed');
    }
    for await (const piece of context.body()) await upload.write(piece);
    this.#uploads.delete(id);
    if (!(await upload.finish(digest))) {
      return context.sendError(400, 'DIGEST_INVALID', 'the content does not have this digest');
    }
    this.#shelf.get(repository).blobs.add(digest);
    context.send(201, blobLocation(repository, digest));
  }

  #uploadState(repository: string, id: string, sizeBytes: number): Record<string, string> {
    return {
      location: `/v2/${repository}/blobs/uploads/${id}`,
      'docker-upload-uuid': id,
      range: `0-${Math.max(0, sizeBytes - 1)}`,
    };
  }

  /** Uploads that were begun and neither finished nor cancelled. */
  get openUploads(): number {
    return this.#uploads.size;
  }

  async close(): Promise<void> {
    for (const upload of this.#uploads.values()) await upload.abort();
    this.#uploads.clear();
  }
}

function blobLocation(repository: string, digest: Digest): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/${digest}`,
    'docker-content-digest': digest,
  };
}

type Span = { readonly start: number; readonly end: number };

/** One range of RFC 9110; undefined when there is none that can be understood. */
export function parseRange(header: string | undefined, size: number): Span | 'outside' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return undefined;
  if (first === '')
    return size === 0 ? 'outside' : { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : 'outside';
}

/**
 * `/v2/NAME/manifests/...`, `/tags/list` and `/referrers/...` of the embedded registry.
 */
import { digestLike, isDigest, MediaType, parseManifest, sha256Digest } from '@shoal/oci';
import {
  findManifest,
  missingContent,
  type RepositoryShelf,
  storeManifest,
} from './repository-shelf.ts';
import type { RequestContext } from './request-context.ts';

const TAG = /^\w[\w.-]{0,127}$/;

export class ManifestRoutes {
  readonly #shelf: RepositoryShelf;

  constructor(shelf: RepositoryShelf) {
    this.#shelf = shelf;
  }

  async handle(context: RequestContext, repository: string, name: string): Promise<void> {
    switch (context.method) {
      case 'GET':
      case 'HEAD':
        return this.#read(context, repository, name);
      case 'PUT':
        return this.#write(context, repository, name);
      case 'DELETE':
        return this.#remove(context, repository, name);
      default:
        return context.sendError(405, 'UNSUPPORTED', 'the operation is unsupported');
    }
  }

  #read(context: RequestContext, repository: string, name: string): void {
    const stored = findManifest(this.#shelf.get(repository), name);
    if (stored === undefined) {
      context.sendError(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
      return;
    }
    const { mediaType, digest } = stored.descriptor;
    const headers = { 'content-type': mediaType, 'docker-content-digest': digest };
    context.send(200, headers, stored.bytes);
  }

  async #write(context: RequestContext, name: string, reference: string): Promise<void> {
    const repository = this.#shelf.get(name);
    const bytes = await context.smallBody();
    const problem = problemOf(bytes, reference);
    if (problem !== undefined) return context.sendError(400, 'MANIFEST_INVALID', problem);
    const missing = missingContent(repository, bytes);
    if (missing !== undefined) {
      return context.sendError(404, 'MANIFEST_BLOB_UNKNOWN', `blob ${missing} is unknown`);
    }
    const mediaType = context.request.headers['content-type'] ?? MediaType.ociManifest;
    const digest = isDigest(reference) ? reference : sha256Digest(bytes);
    const { subject } = storeManifest(repository, bytes, mediaType, digest);
    if (!isDigest(reference)) repository.tags.set(reference, digest);
    context.send(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(subject === undefined ? {} : { 'oci-subject': subject }),
    });
  }

  #remove(context: RequestContext, name: string, reference: string): void {
    const repository = this.#shelf.get(name);
    const isKnown = isDigest(reference)
      ? repository.manifests.delete(reference)
      : repository.tags.delete(reference);
    if (isKnown) context.send(202, {});
    else context.sendError(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  }

  listTags(context: RequestContext, repository: string): void {
    const query = context.url.searchParams;
    const [last, n] = [query.get('last') ?? '', query.get('n') ?? ''];
    const all = [...this.#shelf.get(repository).tags.keys()].sort();
    const rest = all.filter((tag) => tag > last);
    const tags = /^\d{1,9}$/.test(n) ? rest.slice(0, Number(n)) : rest;
    const next = new URLSearchParams({ last: tags.at(-1) ?? last, n });
    const link = `</v2/${repository}/tags/list?${next}>; rel="next"`;
    const isCut = tags.length > 0 && tags.length < rest.length;
    context.sendJson(200, isCut ? { link } : {}, { name: repository, tags });
  }

  listReferrers(context: RequestContext, repository: string, digest: string): void {
    if (!isDigest(digest)) {
      context.sendError(400, 'DIGEST_INVALID', 'not a digest');
      return;
    }
    const artifactType = context.url.searchParams.get('artifactType');
    const all = this.#shelf.get(repository).referrers.get(digest) ?? [];
    const manifests = all.filter(
      (entry) => artifactType === null || entry.artifactType === artifactType,
    );
    const headers = {
      'content-type': MediaType.ociIndex,
      ...(artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' }),
    };
    context.sendJson(200, headers, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  }
}

/** Why a manifest is not taken; undefined when it is. */
function problemOf(bytes: Buffer, reference: string): string | undefined {
  try {
    parseManifest(bytes);
  } catch (error) {
    return error instanceof Error ? error.message : 'not a manifest';
  }
  if (isDigest(reference)) {
    const isOther = digestLike(reference, bytes) !== reference;
    return isOther ? 'the content does not have this digest' : undefined;
  }
  return TAG.test(reference) ? undefined : 'not a tag';
}

/**
 * Image references as text: `host/name:tag`, `host/name@digest`, `docker://...`, `oci:DIR[:TAG]`,
 * `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]`, `dir:PATH`. Grammar of registry names and
 * Docker Hub's defaults as in the distribution project's `reference` package.
 */
import { type Digest, isDigest } from './digest.ts';
import { ReferenceSyntaxError } from './errors.ts';
import { REFERENCE_LENGTH_MAX, REPOSITORY_LENGTH_MAX } from './limits.ts';

export type RegistryReference = {
  readonly kind: 'registry';
  /** `host[:port]`, lower case; Docker Hub is `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  /** `latest` when neither a tag nor a digest was given. */
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
};

export type ImageReference =
  | RegistryReference
  | { readonly kind: 'layout'; readonly path: string; readonly tag?: string | undefined }
  | { readonly kind: 'oci-archive'; readonly path: string; readonly tag?: string | undefined }
  | { readonly kind: 'docker-archive'; readonly path: string; readonly tag?: string | undefined }
  | { readonly kind: 'directory'; readonly path: string };

const TAG = /^\w[\w.-]{0,127}$/;
/** Tags of archives and layouts may be whole image names: `docker.io/library/debian:12`. */
const LOCAL_TAG = /^[\w][\w./@+-]*(?::[\w.-]+)?$/;
const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const HOST =
  /^(?:\[[0-9a-fA-F:]{2,39}\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::\d{1,5})?$/;
const HUB_ALIASES: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

const LOCAL_PREFIXES = [
  ['oci:', 'layout'],
  ['oci-archive:', 'oci-archive'],
  ['docker-archive:', 'docker-archive'],
] as const;

/** Throws `ERR_OCI_REFERENCE`. */
export function parseReference(text: string): ImageReference {
  if (text.length > REFERENCE_LENGTH_MAX) throw new ReferenceSyntaxError(text, 'it is too long');
  if (text.includes('\0')) throw new ReferenceSyntaxError(text, 'it holds a NUL');
  if (text.startsWith('dir:')) {
    return { kind: 'directory', path: localPath(text, text.slice('dir:'.length)) };
  }
  for (const [prefix, kind] of LOCAL_PREFIXES) {
    if (text.startsWith(prefix)) return parseLocal(text, kind, text.slice(prefix.length));
  }
  return parseRegistry(text, text.startsWith('docker://') ? text.slice('docker://'.length) : text);
}

function localPath(text: string, path: string): string {
  if (path === '') throw new ReferenceSyntaxError(text, 'the path is missing');
  return path;
}

/** `PATH[:TAG]`: a tag follows the first colon after the last slash of the path. */
function parseLocal(
  text: string,
  kind: (typeof LOCAL_PREFIXES)[number][1],
  rest: string,
): ImageReference {
  const colon = rest.indexOf(':');
  if (colon === -1) return { kind, path: localPath(text, rest) };
  const tag = rest.slice(colon + 1);
  if (!LOCAL_TAG.test(tag)) {
    throw new ReferenceSyntaxError(text, `${JSON.stringify(tag)} is not a tag`);
  }
  return { kind, path: localPath(text, rest.slice(0, colon)), tag };
}

function parseRegistry(text: string, rest: string): RegistryReference {
  if (/^[a-z]+:\/\//.test(rest)) throw new ReferenceSyntaxError(text, 'it is a URL');
  const at = rest.indexOf('@');
  const digestText = at === -1 ? undefined : rest.slice(at + 1);
  if (digestText !== undefined && !isDigest(digestText)) {
    throw new ReferenceSyntaxError(text, 'what follows @ is not a digest');
  }
  const { name, tag } = splitTag(text, at === -1 ? rest : rest.slice(0, at));
  const { registry, repository } = splitRegistry(text, name);
  const base = { kind: 'registry', registry, repository } as const;
  if (digestText !== undefined && isDigest(digestText)) {
    return { ...base, ...(tag === undefined ? {} : { tag }), digest: digestText };
  }
  return { ...base, tag: tag ?? 'latest' };
}

function splitTag(text: string, named: string): { name: string; tag: string | undefined } {
  const colon = named.lastIndexOf(':');
  if (colon === -1 || named.lastIndexOf('/') > colon) return { name: named, tag: undefined };
  const tag = named.slice(colon + 1);
  if (!TAG.test(tag)) throw new ReferenceSyntaxError(text, `${JSON.stringify(tag)} is not a tag`);
  return { name: named.slice(0, colon), tag };
}

function splitRegistry(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const hasHost = /[.:A-Z]/.test(first) || first === 'localhost';
  const host = hasHost ? first : 'docker.io';
  let repository = hasHost ? name.slice(slash + 1) : name;
  if (!isHost(host)) throw new ReferenceSyntaxError(text, 'the host is not valid');
  const registry = HUB_ALIASES.includes(host.toLowerCase()) ? 'docker.io' : host.toLowerCase();
  if (registry === 'docker.io' && repository !== '' && !repository.includes('/')) {
    repository = `library/${repository}`;
  }
  if (repository.length > REPOSITORY_LENGTH_MAX || !REPOSITORY.test(repository)) {
    throw new ReferenceSyntaxError(text, 'the repository name is not valid');
  }
  return { registry, repository };
}

/** What can be asked: `1.2.3.999` or a port above 65535 look right but make no URL. */
function isHost(host: string): boolean {
  return HOST.test(host) && URL.canParse(`https://${host}/`);
}

/** `registry/repository`, without a tag. */
export function formatRepository({ registry, repository }: RegistryReference): string {
  return `${registry}/${repository}`;
}

/** Whether `formatRepository` writes it so: a registry, a slash, a repository; no tag, no digest, nothing left out. */
export function isRepositoryName(text: string): boolean {
  try {
    const reference = parseReference(`docker://${text}`);
    return reference.kind === 'registry' && formatRepository(reference) === text;
  } catch {
    return false;
  }
}

/** The text `parseReference` reads back to the same reference. */
export function formatReference(reference: ImageReference): string {
  switch (reference.kind) {
    case 'registry': {
      const { registry, repository, tag, digest } = reference;
      const tagged = tag === undefined ? '' : `:${tag}`;
      return `${registry}/${repository}${tagged}${digest === undefined ? '' : `@${digest}`}`;
    }
    case 'directory':
      return `dir:${reference.path}`;
    case 'layout':
      return `oci:${reference.path}${tagSuffix(reference.tag)}`;
    default:
      return `${reference.kind}:${reference.path}${tagSuffix(reference.tag)}`;
  }
}

function tagSuffix(tag: string | undefined): string {
  return tag === undefined ? '' : `:${tag}`;
}

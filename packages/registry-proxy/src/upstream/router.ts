/**
 * Which upstream a request is for: by `ns=`, as containerd names it; by a first path segment that is
 * the host of an upstream, as registries.conf writes it; else the default one, as Docker asks.
 */
import { REPOSITORY_LENGTH_MAX } from '@shoal/oci';
import { type Refusal, refusal } from '../answer/refusal.ts';
import type { Upstream } from './upstream.ts';
import { upstreamName } from './upstream-options.ts';

export type Route = {
  readonly kind: 'route';
  readonly upstream: Upstream;
  /** As the upstream knows it; empty where none was named. */
  readonly repository: string;
  /** How the client names it: `docker.io/` before the repository, or `ns` in the query. */
  readonly prefix: string;
  readonly namespace: string | undefined;
};

const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

export class Router {
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  readonly #default: Upstream | undefined;

  /** `standard` is the name of the default; without it Docker Hub, or the only one. */
  constructor(upstreams: readonly Upstream[], standard: string | undefined) {
    this.#upstreams = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
    this.#default =
      this.#upstreams.get(upstreamName(standard ?? 'docker.io')) ??
      (upstreams.length === 1 ? upstreams[0] : undefined);
  }

  get all(): readonly Upstream[] {
    return [...this.#upstreams.values()];
  }

  /** `name` is what the path has in place of a repository; undefined for the API itself. */
  find(name: string | undefined, query: URLSearchParams): Route | Refusal {
    const namespace = query.get('ns') ?? undefined;
    if (namespace !== undefined) {
      const upstream = this.#upstreams.get(upstreamName(namespace));
      return upstream === undefined
        ? refusal(404, 'NAME_UNKNOWN', 'this registry is not mirrored here')
        : routeOf(upstream, name, '', namespace);
    }
    const slash = name?.indexOf('/') ?? -1;
    const first = slash > 0 ? (name ?? '').slice(0, slash) : '';
    const named = this.#upstreams.get(upstreamName(first));
    if (named !== undefined) {
      return routeOf(named, name?.slice(slash + 1), `${first}/`, undefined);
    }
    return this.#default === undefined
      ? refusal(404, 'NAME_UNKNOWN', 'the path names no registry that is mirrored here')
      : routeOf(this.#default, name, '', undefined);
  }
}

function routeOf(
  upstream: Upstream,
  name: string | undefined,
  prefix: string,
  namespace: string | undefined,
): Route | Refusal {
  if (name === undefined) {
    return { kind: 'route', upstream, repository: '', prefix, namespace };
  }
  // Docker Hub's own images may be asked for as people write them.
  const isShort = upstream.name === 'docker.io' && !name.includes('/');
  const repository = isShort ? `library/${name}` : name;
  if (repository.length > REPOSITORY_LENGTH_MAX || !REPOSITORY.test(repository)) {
    return refusal(400, 'NAME_INVALID', 'the repository name is not valid');
  }
  return { kind: 'route', upstream, repository, prefix, namespace };
}

/**
 * Which upstream a request is for: by the host of a URL, as nydusd asks its proxy; by `ns=`, as containerd names
 * it; by a first path segment that is the host of an upstream, as registries.conf writes it; else the default one,
 * as Docker asks.
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
  /** Where it names the upstream: in a URL, in `ns`, in the path, or nowhere. */
  readonly namedBy: 'url' | 'query' | 'path' | undefined;
};

/** Of a request, what may name an upstream. */
export type Naming = {
  /** What the path has in place of a repository; undefined for the API itself. */
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  /** `host[:port]` of a URL in place of the path. */
  readonly authority: string | undefined;
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

  find({ name, query, authority }: Naming): Route | Refusal {
    if (authority !== undefined) return this.#findNamed(authority, name);
    const namespace = query.get('ns') ?? undefined;
    if (namespace !== undefined) {
      const upstream = this.#upstreams.get(upstreamName(namespace));
      return upstream === undefined
        ? refusal(404, 'NAME_UNKNOWN', 'this registry is not mirrored here')
        : routeOf(upstream, name, { namespace, namedBy: 'query' });
    }
    const slash = name?.indexOf('/') ?? -1;
    const first = slash > 0 ? (name ?? '').slice(0, slash) : '';
    const named = this.#upstreams.get(upstreamName(first));
    if (named !== undefined) {
      return routeOf(named, name?.slice(slash + 1), { prefix: `${first}/`, namedBy: 'path' });
    }
    return this.#default === undefined
      ? refusal(404, 'NAME_UNKNOWN', 'the path names no registry that is mirrored here')
      : routeOf(this.#default, name, {});
  }

  /** By a URL: its host and port are the name of an upstream to the letter, or nobody's. */
  #findNamed(authority: string, name: string | undefined): Route | Refusal {
    const upstream = this.#upstreams.get(upstreamName(authority));
    // Above 500, so that nydusd goes on to the registry itself where it was told so (`fallback`).
    return upstream === undefined
      ? refusal(501, 'NAME_UNKNOWN', 'this is a proxy of its own registries only')
      : routeOf(upstream, name, { namedBy: 'url' });
  }
}

function routeOf(
  upstream: Upstream,
  name: string | undefined,
  { prefix = '', namespace, namedBy }: Partial<Pick<Route, 'prefix' | 'namespace' | 'namedBy'>>,
): Route | Refusal {
  const route = { kind: 'route', upstream, prefix, namespace, namedBy } as const;
  if (name === undefined) return { ...route, repository: '' };
  // Docker Hub's own images may be asked for as people write them.
  const isShort = upstream.name === 'docker.io' && !name.includes('/');
  const repository = isShort ? `library/${name}` : name;
  if (repository.length > REPOSITORY_LENGTH_MAX || !REPOSITORY.test(repository)) {
    return refusal(400, 'NAME_INVALID', 'the repository name is not valid');
  }
  return { ...route, repository };
}

/**
 * The endpoints of one client: one per server and, where credentials may differ between them, per
 * repository. Servers whose TLS files are alike share connections.
 */
import { FixedAuthorization } from '../auth/authorization.ts';
import { CredentialChain, type CredentialLookup } from '../auth/credential-chain.ts';
import type { CredentialPlace, Credentials } from '../auth/credential-source.ts';
import { DockerCredentials } from '../auth/docker-config.ts';
import type { Clock } from '../auth/recent-lookups.ts';
import { hostKey, PLAIN_HOST, type RegistryHost } from '../hosts/registry-host.ts';
import { Connections } from '../http/connections.ts';
import { Exchange } from '../http/exchange.ts';
import { resolveRetryOptions } from '../http/retry.ts';
import { ENDPOINTS_MAX } from '../limits.ts';
import type { ClientOptions } from '../options.ts';
import { Endpoint } from './endpoint.ts';

export type EndpointChoice = {
  readonly registry: string;
  readonly repository: string;
  /** @default the registry as its name says */
  readonly host?: RegistryHost | undefined;
  /** Another server can be asked when this one fails: one try, and its own credentials only. */
  readonly isMirror?: boolean | undefined;
  /** Somebody else's authorization, sent as it is; his challenges are answers. @default our own */
  readonly onBehalf?: { readonly authorization: string | undefined } | undefined;
};

type Wire = { readonly connections: Connections; readonly exchange: Exchange };

export class EndpointPool {
  readonly #options: ClientOptions;
  readonly #clock: Clock | undefined;
  readonly #credentials: CredentialChain;
  readonly #wires = new Map<string, Wire>();
  readonly #endpoints = new Map<string, Endpoint>();

  /** @param clock how old what credential sources said is. @default `performance.now()` */
  constructor(options: ClientOptions, clock?: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#credentials = new CredentialChain(
      options.credentialSources ?? [new DockerCredentials(options)],
    );
  }

  endpoint(choice: EndpointChoice): Endpoint {
    const { registry, host = PLAIN_HOST, isMirror = false, onBehalf } = choice;
    const perRepository = this.#options.credentialSources !== undefined;
    const repository = perRepository ? choice.repository : undefined;
    const key = JSON.stringify([registry, repository, hostKey(host), isMirror, onBehalf]);
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known;
    const place = { registry, repository };
    const endpoint =
      onBehalf === undefined
        ? this.#make(place, host, isMirror)
        : this.#makeFixed(place, host, new FixedAuthorization(onBehalf.authorization));
    this.#endpoints.set(key, endpoint);
    const [oldest] = this.#endpoints.keys();
    if (this.#endpoints.size > ENDPOINTS_MAX && oldest !== undefined) {
      this.#endpoints.delete(oldest);
    }
    return endpoint;
  }

  #make(place: CredentialPlace, host: RegistryHost, isMirror: boolean): Endpoint {
    const { retry } = this.#options;
    const own = host.url === undefined ? undefined : { ...place, registry: host.url.host };
    return new Endpoint(
      { registry: place.registry, place: (isMirror ? own : undefined) ?? place, host },
      {
        exchange: this.#wire(host).exchange,
        credentials: isMirror || own === undefined ? this.#credentials : this.#eitherPlace(own),
        onAuthentication: this.#options.onAuthentication,
        clock: this.#clock,
        policy: resolveRetryOptions(isMirror ? { ...retry, attemptsMax: 1 } : retry),
      },
      this.#options,
    );
  }

  #makeFixed(
    place: CredentialPlace,
    host: RegistryHost,
    authorization: FixedAuthorization,
  ): Endpoint {
    return new Endpoint(
      { registry: place.registry, place, host },
      {
        exchange: this.#wire(host).exchange,
        credentials: this.#credentials,
        policy: resolveRetryOptions(this.#options.retry),
        authorization,
      },
      this.#options,
    );
  }

  /** What is stored for a registry counts for the server that stands for it; else what is for that. */
  #eitherPlace(own: CredentialPlace): Pick<CredentialChain, 'lookup'> {
    return {
      lookup: async (
        place: CredentialPlace,
        refused: readonly Credentials[] = [],
      ): Promise<CredentialLookup> => {
        const found = await this.#credentials.lookup(place, refused);
        if (found.credentials !== undefined) return found;
        const second = await this.#credentials.lookup(own, refused);
        return second.credentials === undefined ? found : second;
      },
    };
  }

  #wire({ tls, connectTimeoutMs }: RegistryHost): Wire {
    const key = JSON.stringify([tls, connectTimeoutMs]);
    const known = this.#wires.get(key);
    if (known !== undefined) return known;
    const { timeouts } = this.#options;
    const options: ClientOptions = {
      ...this.#options,
      insecure: tls.insecure ?? this.#options.insecure,
      timeouts: connectTimeoutMs === undefined ? timeouts : { ...timeouts, connectTimeoutMs },
    };
    const connections = new Connections(options, tls);
    const wire = { connections, exchange: new Exchange(connections, options) };
    this.#wires.set(key, wire);
    return wire;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#wires.values()].map(({ connections }) => connections.close()));
  }
}

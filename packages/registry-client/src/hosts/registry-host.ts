/** One server that images of a registry may be asked of: the registry itself or a mirror of it. */

export const HOST_CAPABILITIES = ['pull', 'resolve', 'push', 'referrers'] as const;
export type HostCapability = (typeof HOST_CAPABILITIES)[number];

/** Files in PEM format. A key is in the file of its certificate unless it has its own. */
export type TlsFiles = {
  readonly caFiles: readonly string[];
  readonly clientPairs: readonly { readonly certificate: string; readonly key: string }[];
  /** Accept any certificate; undefined: as the client's options say. */
  readonly insecure: boolean | undefined;
};

export type RegistryHost = {
  /** Where its API is, `/v2` included; undefined: where the registry's name says. */
  readonly url: URL | undefined;
  readonly capabilities: ReadonlySet<HostCapability>;
  /** Sent with every request to it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsFiles;
  /** TCP and TLS set-up. */
  readonly connectTimeoutMs: number | undefined;
};

/** The registry as its name says, with nothing configured. */
export const PLAIN_HOST: RegistryHost = {
  url: undefined,
  capabilities: new Set(HOST_CAPABILITIES),
  headers: {},
  tls: { caFiles: [], clientPairs: [], insecure: undefined },
  connectTimeoutMs: undefined,
};

const keys = new WeakMap<RegistryHost, string>();

/** Equal for hosts that are configured alike. */
export function hostKey(host: RegistryHost): string {
  const known = keys.get(host);
  if (known !== undefined) return known;
  const { url, capabilities, headers, tls, connectTimeoutMs } = host;
  const key = JSON.stringify([url?.href, [...capabilities], headers, tls, connectTimeoutMs]);
  keys.set(host, key);
  return key;
}

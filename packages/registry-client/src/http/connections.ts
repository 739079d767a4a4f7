/**
 * The connections of one client: an undici agent for direct connections and one per proxy, with the
 * certificates of the options. Nothing is opened before the first request; undici itself is loaded
 * then, since many commands never meet a registry and loading it takes 0.1 s.
 */
import { getCACertificates, rootCertificates } from 'node:tls';
import { ShoalError } from '@shoal/errors';
import type { Agent, Dispatcher } from 'undici';
import { ClientConfigError } from '../errors.ts';
import type { TlsFiles } from '../hosts/registry-host.ts';
import {
  CLOSE_GRACE_MS,
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_PER_HOST_MAX,
  PEM_BYTES_MAX,
} from '../limits.ts';
import { readBoundedFile } from '../local/regular-file.ts';
import type { HttpOptions } from './http-options.ts';
import { LocalGuard } from './local-guard.ts';
import { type Environment, proxyForUrl } from './proxy-environment.ts';
import { PublicOnlyGuard } from './public-only-guard.ts';

type TlsSettings = {
  readonly rejectUnauthorized?: boolean;
  readonly ca?: string[];
  readonly cert?: Buffer[];
  readonly key?: Buffer[];
};

type HostFiles = Pick<TlsFiles, 'caFiles' | 'clientPairs'>;

export class Connections {
  readonly #options: HttpOptions;
  readonly #hostFiles: HostFiles;
  readonly #env: Environment;
  readonly #guard: PublicOnlyGuard | undefined;
  readonly #proxies = new Map<string, Promise<Dispatcher>>();
  readonly #localGuard = new LocalGuard();
  #direct: Promise<Dispatcher> | undefined;
  /** Of its own: the connections of the other may be to local addresses. */
  #notLocal: Promise<Dispatcher> | undefined;
  #tls: Promise<TlsSettings> | undefined;
  #closing: Promise<void> | undefined;

  /** `hostFiles` are trusted and shown beside those of the options. */
  constructor(options: HttpOptions, hostFiles: HostFiles = { caFiles: [], clientPairs: [] }) {
    this.#options = options;
    this.#hostFiles = hostFiles;
    this.#env = options.env ?? process.env;
    const { trustedHosts } = options;
    this.#guard = trustedHosts === undefined ? undefined : new PublicOnlyGuard(trustedHosts);
  }

  /**
   * The dispatcher for a URL. Throws `ERR_REGISTRY_CLIENT_CONFIG` for unusable files or proxies,
   * `ERR_REGISTRY_CLIENT_REDIRECT` for an address that must not be connected to. A URL that a
   * server elsewhere named must not be local.
   */
  async for(url: URL, mayBeLocal = true): Promise<Dispatcher> {
    this.#guard?.check(url);
    const proxy = proxyForUrl(url, this.#env);
    if (proxy === undefined) {
      if (!mayBeLocal && this.#guard === undefined) {
        this.#notLocal ??= this.#makeNotLocal();
        return this.#notLocal;
      }
      this.#direct ??= this.#makeDirect();
      return this.#direct;
    }
    const made = this.#proxies.get(proxy.href) ?? this.#makeProxy(proxy);
    this.#proxies.set(proxy.href, made);
    return made;
  }

  isLocal(url: URL): boolean {
    return this.#localGuard.isLocal(url);
  }

  async #makeDirect(): Promise<Dispatcher> {
    const { Agent, buildConnector } = await import('undici');
    const { lookup } = this.#options;
    const options = { ...(await this.#connectOptions()), ...(lookup && { lookup }) };
    const connect =
      this.#guard?.connector(buildConnector, options) ??
      this.#localGuard.watching(buildConnector(options));
    return new Agent({ ...this.#agentOptions(), connect });
  }

  async #makeNotLocal(): Promise<Dispatcher> {
    const { Agent, buildConnector } = await import('undici');
    const options = await this.#connectOptions();
    const connect = this.#localGuard.refusing(buildConnector, options, this.#options.lookup);
    return new Agent({ ...this.#agentOptions(), connect });
  }

  async #makeProxy(proxy: URL): Promise<Dispatcher> {
    const connect = await this.#connectOptions();
    const uri = new URL(proxy);
    uri.username = '';
    uri.password = '';
    const user = `${decoded(proxy.username)}:${decoded(proxy.password)}`;
    const { ProxyAgent } = await import('undici');
    return new ProxyAgent({
      ...this.#agentOptions(),
      uri: uri.href,
      ...(proxy.username === ''
        ? {}
        : { token: `Basic ${Buffer.from(user, 'utf8').toString('base64')}` }),
      requestTls: connect,
      proxyTls: connect.ca === undefined ? {} : { ca: connect.ca },
    });
  }

  #agentOptions(): Agent.Options {
    return { connections: CONNECTIONS_PER_HOST_MAX, pipelining: 1, allowH2: false };
  }

  async #connectOptions(): Promise<TlsSettings & { timeout: number }> {
    this.#tls ??= loadTls(this.#options, this.#hostFiles);
    return {
      ...(await this.#tls),
      timeout: this.#options.timeouts?.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    };
  }

  /** Lets running exchanges end for a while, then cuts them; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const made = [...this.#proxies.values(), this.#direct, this.#notLocal];
    for (const settled of await Promise.allSettled(made)) {
      if (settled.status === 'fulfilled' && settled.value !== undefined)
        await closeSoon(settled.value);
    }
  }
}

/** A percent sign that escapes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function closeSoon(dispatcher: Dispatcher): Promise<void> {
  const cut = setTimeout(() => void dispatcher.destroy().catch(() => undefined), CLOSE_GRACE_MS);
  try {
    await dispatcher.close();
  } catch {
    // destroyed meanwhile: closed all the same
  } finally {
    clearTimeout(cut);
  }
}

async function loadTls(options: HttpOptions, hostFiles: HostFiles): Promise<TlsSettings> {
  const { caFile, clientCertificateFile, clientKeyFile, insecure } = options;
  if ((clientCertificateFile === undefined) !== (clientKeyFile === undefined)) {
    throw new ClientConfigError('a client certificate and its key belong together', {
      remedy: 'give both files or none',
    });
  }
  const caFiles = [...hostFiles.caFiles, ...(caFile === undefined ? [] : [caFile])];
  const pairs = [...hostFiles.clientPairs];
  if (clientCertificateFile !== undefined && clientKeyFile !== undefined) {
    pairs.push({ certificate: clientCertificateFile, key: clientKeyFile });
  }
  return {
    ...(insecure === true ? { rejectUnauthorized: false } : {}),
    ...(caFiles.length === 0 ? {} : { ca: await trustedWith(caFiles) }),
    ...(pairs.length === 0 ? {} : await readPairs(pairs)),
  };
}

async function readPairs(
  pairs: HostFiles['clientPairs'],
): Promise<{ cert: Buffer[]; key: Buffer[] }> {
  return {
    cert: await Promise.all(pairs.map(({ certificate }) => readPem(certificate))),
    key: await Promise.all(pairs.map(({ key }) => readPem(key))),
  };
}

async function trustedWith(caFiles: readonly string[]): Promise<string[]> {
  const extra = await Promise.all(caFiles.map(async (file) => (await readPem(file)).toString()));
  const usual =
    typeof getCACertificates === 'function' ? getCACertificates('default') : rootCertificates;
  return [...usual, ...extra];
}

/** A file that cannot be read is as wrong an option as one that holds something else. */
function unusable(error: unknown): never {
  if (!(error instanceof ShoalError)) throw error;
  const { message, remedy } = error;
  throw new ClientConfigError(message, {
    cause: error,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

async function readPem(path: string): Promise<Buffer> {
  const bytes = await readBoundedFile(path, 'certificate file', PEM_BYTES_MAX).catch(unusable);
  if (!bytes.includes('-----BEGIN ')) {
    throw new ClientConfigError(`${path} is not a PEM file`, {
      remedy: 'give a file that starts with -----BEGIN CERTIFICATE----- or a private key',
    });
  }
  return bytes;
}

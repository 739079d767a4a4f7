/** The authority of a test's hosts: directories of certificates and tokens, as daemons read them. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HostRole, parseHostName } from '@shoal/p2p-peer/host';
import {
  type CertificateRole,
  createAuthority,
  issueCertificate,
  loadTokenKey,
  signToken,
} from '@shoal/p2p-peer/trust';

const DAY_MS = 86_400_000;

/** Gets over HTTP, from the same registry. */
export type ApiText = {
  readonly listen: string;
  readonly tokenFile: string;
  readonly directory: string;
};

export type PeerConfigText = {
  /** Directory of the host: its identity and its `certs.d` lie in it. */
  readonly home: string;
  readonly listen: string;
  /** TOML of the seeds that are known. */
  readonly seeds: readonly string[];
  /** `https://...` of each. @default none */
  readonly trackers?: readonly string[];
  /** TOML of the names that lead to hosts. */
  readonly discovery?: string | undefined;
  /** @default z */
  readonly zone?: string | undefined;
  /** @default r */
  readonly rack?: string | undefined;
  readonly registryHost: string;
  /** Servers without TLS whose files are fetched for others, too. @default none */
  readonly webHosts?: readonly string[];
  /** More registries that are fetched from for others. @default none */
  readonly moreRegistries?: readonly string[];
  /** Mirrors the registry, which speaks plain HTTP. @default false */
  readonly isMirror?: boolean;
  /** More lines of `[peer]`. */
  readonly more?: readonly string[];
  readonly api?: ApiText | undefined;
};

export class PeerAuthority {
  readonly #directory: string;

  /** Made anew in the directory. */
  static async open(directory: string): Promise<PeerAuthority> {
    await createAuthority(directory);
    return new PeerAuthority(directory);
  }

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** The key that trackers sign tokens with. */
  get tokenKey(): string {
    return join(this.#directory, 'token.key');
  }

  /** Writes what a host needs into `HOME/tls`. */
  async admit(home: string, name: string, role: HostRole): Promise<void> {
    const directory = await this.issue(home, name, role);
    const key = await loadTokenKey(this.tokenKey);
    const life = { nowMs: Date.now(), lifeMs: DAY_MS };
    const claims = { host: parseHostName(name), repositories: ['*'], ...life };
    const { token } = signToken(claims, key);
    writeFileSync(join(directory, 'token'), token, { mode: 0o600 });
  }

  /** Writes a certificate into `HOME/tls`, which it gives. */
  async issue(
    home: string,
    name: string,
    role: CertificateRole,
    addresses: readonly string[] = [],
  ): Promise<string> {
    const directory = join(home, 'tls');
    mkdirSync(directory, { recursive: true });
    const host = parseHostName(name);
    const issued = await issueCertificate(this.#directory, { host, role, addresses, days: 1 });
    copyFileSync(join(this.#directory, 'token.pub'), join(directory, 'token.pub'));
    writeFileSync(join(directory, 'ca.crt'), issued.ca);
    writeFileSync(join(directory, 'tls.crt'), issued.cert);
    writeFileSync(join(directory, 'tls.key'), issued.key, { mode: 0o600 });
    return directory;
  }
}

/** A home reaches the registry as the daemon's configuration says: without TLS here. */
export function writePlainHttp(home: string, registry: string, address = registry): void {
  const directory = join(home, 'certs.d', registry);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'hosts.toml'), `server = "http://${address}"\n`);
}

export function peerConfigText(text: PeerConfigText): string {
  const { home, listen, seeds, discovery, zone = 'z', rack = 'r' } = text;
  const { registryHost, isMirror } = text;
  const { trackers = [], webHosts = [], moreRegistries = [], api, more = [] } = text;
  const origins = [registryHost, ...moreRegistries, ...webHosts.map((host) => `http:${host}`)];
  const upstream = `{ name = "${registryHost}", address = "http://${registryHost}" }`;
  return [
    '[registry]',
    `config_path = "${join(home, 'certs.d')}"`,
    '[peer]',
    `listen = "${listen}"`,
    `identity = "${join(home, 'tls')}"`,
    `zone = "${zone}"`,
    `rack = "${rack}"`,
    `seeds = [${seeds.join(', ')}]`,
    `trackers = ${JSON.stringify(trackers)}`,
    ...(discovery === undefined ? [] : [`discovery = ${discovery}`]),
    ...more,
    `origins = ${JSON.stringify(origins)}`,
    ...(isMirror === true
      ? ['[proxy]', 'listen = "127.0.0.1:0"', `upstreams = [${upstream}]`]
      : []),
    ...(api === undefined
      ? []
      : [
          '[api]',
          `listen = "${api.listen}"`,
          `token_file = "${api.tokenFile}"`,
          `directory = "${api.directory}"`,
          `sources = ["${registryHost}"]`,
        ]),
    '',
  ].join('\n');
}

/** A seed as configurations name it. */
export function seedText(name: string, address: string, zone = 'z'): string {
  return `{ host = "${name}", address = "${address}", zone = "${zone}" }`;
}

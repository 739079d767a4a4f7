/** Daemons that share one image: an authority, certificates and tokens, a registry that counts. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createAuthority,
  type HostRole,
  issueCertificate,
  loadTokenKey,
  type PeerStatus,
  parseHostName,
  signToken,
} from '@shoal/p2p-peer';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { convertDirectory, type MountWorld, mountWorld, writeFiles } from './mounted-image.ts';

export type PeerHost = MountWorld & { readonly name: string };

export type PeerWorldOptions = {
  readonly files: Readonly<Record<string, number>>;
};

const DAY_MS = 86_400_000;

export class PeerWorld {
  readonly #t: TestScope;
  readonly #directory: string;
  /** What the image was made of. */
  readonly source: string;
  readonly reference: string;
  readonly registryHost: string;
  /** `host = ..., address = ...` of the seeds that run. */
  readonly #seeds: string[] = [];
  /** Bytes of blobs that the registry has sent, by request. */
  readonly sent: { readonly path: string; readonly bytes: number }[];

  static async open(t: TestScope, { files }: PeerWorldOptions): Promise<PeerWorld> {
    const directory = temporaryDirectory(t);
    const sent: { path: string; bytes: number }[] = [];
    const registry = await EmbeddedRegistry.listen({
      accessLog: ({ path, method, bytesOut }) => {
        if (method === 'GET' && path.includes('/blobs/')) sent.push({ path, bytes: bytesOut });
      },
    });
    t.teardown(() => registry.close());
    const source = join(directory, 'source');
    writeFiles(source, files);
    const reference = `${registry.host}/shared/image:latest`;
    await convertDirectory(source, reference, 128 << 10);
    await createAuthority(join(directory, 'authority'));
    sent.length = 0;
    return new PeerWorld(t, directory, { source, reference, registryHost: registry.host, sent });
  }

  private constructor(
    t: TestScope,
    directory: string,
    parts: Pick<PeerWorld, 'source' | 'reference' | 'registryHost' | 'sent'>,
  ) {
    this.#t = t;
    this.#directory = directory;
    this.source = parts.source;
    this.reference = parts.reference;
    this.registryHost = parts.registryHost;
    this.sent = parts.sent;
  }

  /** Starts the daemon of one more host, which knows the seeds that run already. */
  async host(name: string, role: HostRole): Promise<PeerHost> {
    const home = join(this.#directory, name);
    await this.#writeIdentity(join(home, 'tls'), name, role);
    this.#writeHosts(join(home, 'certs.d'));
    const configFile = join(home, 'config.toml');
    writeFileSync(configFile, this.#configOf(home));
    const world = mountWorld(this.#t, { configFile });
    await world.start();
    if (role === 'seed') {
      const { self } = await peerOf(world);
      this.#seeds.push(`{ host = "${name}", address = "${self.address}" }`);
    }
    return { ...world, name };
  }

  /** Bytes of data blobs; each daemon reads the small bootstrap layer by itself. */
  get bytesSent(): number {
    return this.sent.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #writeIdentity(directory: string, name: string, role: HostRole): Promise<void> {
    mkdirSync(directory, { recursive: true });
    const authority = join(this.#directory, 'authority');
    const host = parseHostName(name);
    const issued = await issueCertificate(authority, { host, role, addresses: [], days: 1 });
    const key = await loadTokenKey(join(authority, 'token.key'));
    const life = { nowMs: Date.now(), lifeMs: DAY_MS };
    const { token } = signToken({ host, repositories: ['*'], ...life }, key);
    copyFileSync(join(authority, 'token.pub'), join(directory, 'token.pub'));
    writeFileSync(join(directory, 'ca.crt'), issued.ca);
    writeFileSync(join(directory, 'tls.crt'), issued.cert);
    writeFileSync(join(directory, 'tls.key'), issued.key, { mode: 0o600 });
    writeFileSync(join(directory, 'token'), token, { mode: 0o600 });
  }

  /** A home reaches the registry as the daemon's configuration says: without TLS here. */
  #writeHosts(directory: string): void {
    mkdirSync(join(directory, this.registryHost), { recursive: true });
    const text = `server = "http://${this.registryHost}"\n`;
    writeFileSync(join(directory, this.registryHost, 'hosts.toml'), text);
  }

  #configOf(home: string): string {
    return [
      '[registry]',
      `config_path = "${join(home, 'certs.d')}"`,
      '[peer]',
      'listen = "127.0.0.1:0"',
      `identity = "${join(home, 'tls')}"`,
      'zone = "z"',
      'rack = "r"',
      `seeds = [${this.#seeds.join(', ')}]`,
      '',
    ].join('\n');
  }
}

export async function peerOf(world: MountWorld): Promise<PeerStatus> {
  const { peer } = await world.status();
  if (peer === undefined) throw new Error('the daemon shares nothing');
  return peer;
}

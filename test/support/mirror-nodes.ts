/**
 * Daemons on loopback that share blobs and mirror registries, as `shoal node` does on hosts of a cluster.
 * Between them and the registries stands something that counts.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostRole, PeerStatus } from '@shoal/p2p-peer';
import type { AuthMode } from '@shoal/registry-proxy';
import { FaultProxy, type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import { mountWorld } from './mounted-image.ts';
import { PeerAuthority, peerConfigText, seedText, writePlainHttp } from './peer-authority.ts';
import { peerOf } from './peer-world.ts';
import { PASSWORD, USER } from './registry-user.ts';

export type MirroredRegistry = {
  readonly name: string;
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** @default none */
  readonly redirectHosts?: readonly string[];
};

export type MirrorNode = {
  readonly name: string;
  /** Where its mirror is: `127.0.0.1:PORT`. */
  readonly host: string;
  peer(): Promise<PeerStatus>;
};

type Gated = MirroredRegistry & { readonly gate: FaultProxy };

export class MirrorNodes {
  readonly #t: TestScope;
  readonly #directory: string;
  readonly #authority: PeerAuthority;
  readonly #registries: readonly Gated[];
  readonly #seeds: string[] = [];

  static async open(t: TestScope, registries: readonly MirroredRegistry[]): Promise<MirrorNodes> {
    const directory = temporaryDirectory(t);
    const authority = await PeerAuthority.open(join(directory, 'authority'));
    const gated = await Promise.all(
      registries.map(async (each) => ({ ...each, gate: await FaultProxy.listen(t, each.host) })),
    );
    return new MirrorNodes(t, directory, authority, gated);
  }

  private constructor(
    t: TestScope,
    directory: string,
    authority: PeerAuthority,
    registries: readonly Gated[],
  ) {
    this.#t = t;
    this.#directory = directory;
    this.#authority = authority;
    this.#registries = registries;
  }

  /** Starts one more daemon, which knows the seeds that run already. */
  async node(name: string, role: HostRole, mode: AuthMode): Promise<MirrorNode> {
    const home = join(this.#directory, name);
    await this.#authority.admit(home, name, role);
    for (const { name: registry, gate } of this.#registries) {
      writePlainHttp(home, registry, gate.host);
    }
    const configFile = join(home, 'config.toml');
    writeFileSync(configFile, this.#configOf(home, mode), { mode: 0o600 });
    const world = mountWorld(this.#t, { configFile });
    await world.start();
    const peer = () => peerOf(world);
    await until('it has a token', async () => (await peer()).hasToken);
    const { self } = await peer();
    if (role === 'seed') this.#seeds.push(seedText(name, self.address));
    const { proxy } = await world.status();
    if (proxy === undefined) throw new Error('the daemon mirrors nothing');
    return { name, host: proxy.address, peer };
  }

  /** Bytes of everything that a registry has sent to daemons so far. */
  bytesSent(registry: string): number {
    const found = this.#registries.find(({ name }) => name === registry);
    if (found === undefined) throw new Error(`there is no ${registry}`);
    return found.gate.bodyBytes;
  }

  #configOf(home: string, mode: AuthMode): string {
    const [first, ...others] = this.#registries.map(({ name }) => name);
    const known = { seeds: this.#seeds, registryHost: first ?? '', moreRegistries: others };
    const upstreams = this.#registries.map(
      ({ name, gate, redirectHosts = [] }) =>
        `{ name = "${name}", address = "http://${gate.host}", auth = "${mode}", ` +
        `redirect_hosts = ${JSON.stringify(redirectHosts)} }`,
    );
    return [
      peerConfigText({ home, listen: '127.0.0.1:0', ...known }),
      '[proxy]',
      'listen = "127.0.0.1:0"',
      `upstreams = [${upstreams.join(', ')}]`,
      // What a home fetches for others it asks for by credentials of its own.
      '[registries]',
      ...this.#registries.map(
        ({ name }) => `"${name}" = { username = "${USER}", password = "${PASSWORD}" }`,
      ),
      '',
    ].join('\n');
  }
}

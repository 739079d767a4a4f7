/** Hosts in network namespaces that share one image of a real registry, each with a daemon of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlClient, daemonPaths, type StatusAnswer } from '@shoal/node';
import type { HostRole } from '@shoal/p2p-peer';
import { runChecked, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { type DockerRegistry, startDockerRegistry } from './docker-registry.ts';
import { HostNetwork, type NetworkHost } from './host-network.ts';
import { writeFiles } from './mounted-image.ts';
import { ownDaemon } from './own-daemon.ts';
import { OwnProgram } from './own-program.ts';
import { startOwnTracker } from './own-tracker.ts';
import { PeerAuthority, peerConfigText, seedText, writePlainHttp } from './peer-authority.ts';
import { SHOAL } from './shoal-command.ts';

export type PeerNetworkOptions = {
  /** Of the image; where there are none, nothing is converted. */
  readonly files: Readonly<Record<string, number>>;
  /** Of every link, each way. */
  readonly megabits: number;
  /** How many there are; hosts that are added later know all of them. @default none */
  readonly trackers?: number;
  /** Path of the `shoal` that hosts run. @default this checkout's */
  readonly program?: string;
  /** Torrents of its blobs are published with the image. @default false */
  readonly hasTorrents?: boolean;
  /** Each with a switch of its own. The registry and the trackers are in the first. @default 1 */
  readonly zones?: number;
  /** One way between them. @default 0 */
  readonly zoneDelayMs?: number;
};

/** Where a host stands. */
export type HostPlace = { readonly zone: number; readonly rack: string };

export type PeerMachineOptions = {
  /** Of its link. @default that of all others */
  readonly megabits?: number | undefined;
  /** @default the first zone, and one rack */
  readonly place?: HostPlace | undefined;
  /** Mirrors the registry. @default false */
  readonly isMirror?: boolean;
  /** More lines of `[peer]`. */
  readonly more?: readonly string[];
};

export type TrackerMachine = { readonly network: NetworkHost; readonly program: OwnProgram };

export type PeerMachine = {
  readonly name: string;
  readonly network: NetworkHost;
  readonly program: OwnProgram;
  /** Where it listens for hosts. */
  readonly address: string;
  /** Where `mount` puts the image. */
  readonly mountpoint: string;
  mount(): Promise<void>;
  status(): Promise<StatusAnswer>;
};

type Parts = {
  readonly directory: string;
  readonly network: HostNetwork;
  readonly authority: PeerAuthority;
  readonly registry: NetworkHost;
  readonly dockerRegistry: DockerRegistry;
  readonly megabits: number;
  readonly program: string;
};

const REGISTRY_PORT = 5000;
const PEER_PORT = 4010;
const TRACKER_PORT = 4020;

export class PeerNetwork {
  readonly #t: TestScope;
  readonly #parts: Parts;
  readonly #seeds: string[] = [];
  readonly #trackers: TrackerMachine[] = [];
  /** What the image was made of. */
  readonly source: string;
  /** Of the image, in the registry. */
  readonly repository = 'shared/image';
  readonly reference: string;

  /** Needs root, `docker-registry` and `nsenter`. */
  static async open(t: TestScope, options: PeerNetworkOptions): Promise<PeerNetwork> {
    const { files, megabits, hasTorrents = false, program: shoal = SHOAL } = options;
    const { zones = 1, zoneDelayMs = 0 } = options;
    const directory = temporaryDirectory(t);
    const network = await HostNetwork.open(t, { zones, delayMs: zoneDelayMs });
    const registry = await network.add(megabits);
    const host = `${registry.address}:${REGISTRY_PORT}`;
    const { launcher } = registry;
    const home = join(directory, 'registry');
    const dockerRegistry = await startDockerRegistry(t, home, { host, launcher });
    const authority = await PeerAuthority.open(join(directory, 'authority'));
    const world = new PeerNetwork(t, {
      ...{ directory, network, authority, registry, dockerRegistry, megabits, program: shoal },
    });
    if (Object.keys(files).length > 0) await world.#convert(files, hasTorrents);
    for (let number = 1; number <= (options.trackers ?? 0); number++) {
      await world.addTracker(`tracker-${number}`);
    }
    return world;
  }

  private constructor(t: TestScope, parts: Parts) {
    this.#t = t;
    this.#parts = parts;
    this.source = join(parts.directory, 'source');
    this.reference = `${this.registryHost}/${this.repository}:latest`;
  }

  async #convert(files: Readonly<Record<string, number>>, hasTorrents: boolean): Promise<void> {
    writeFiles(this.source, files);
    const { launcher } = this.#parts.registry;
    const [program = '', ...args] = [...launcher, SHOAL, 'convert', '--plain-http'];
    const images = ['--source', `dir:${this.source}`, '--target', this.reference];
    const torrents = [hasTorrents ? '--torrent' : '--no-torrent'];
    await runChecked(program, [...args, ...images, ...torrents], { timeoutMs: 600_000 });
  }

  get registry(): NetworkHost {
    return this.#parts.registry;
  }

  get authority(): PeerAuthority {
    return this.#parts.authority;
  }

  /** `address:port` of the registry. */
  get registryHost(): string {
    return `${this.#parts.registry.address}:${REGISTRY_PORT}`;
  }

  get trackers(): readonly TrackerMachine[] {
    return this.#trackers;
  }

  get trackerAddresses(): readonly string[] {
    return this.#trackers.map(({ network: { address } }) => `https://${address}:${TRACKER_PORT}`);
  }

  /** Files of one host. */
  homeOf(name: string): string {
    return join(this.#parts.directory, name);
  }

  /** A machine without a daemon. */
  addMachine(megabits = this.#parts.megabits, zone = 0): Promise<NetworkHost> {
    return this.#parts.network.add(megabits, zone);
  }

  /** What the registry's link has carried outwards. */
  registryBytes(): Promise<number> {
    return this.#parts.registry.bytesSent();
  }

  /** Of blobs, to these hosts alone. */
  registryBytesTo(hosts: readonly Pick<PeerMachine, 'network'>[]): number {
    const addresses = hosts.map(({ network: { address } }) => address);
    return this.#parts.dockerRegistry.blobBytesSent(addresses);
  }

  /** Starts the daemon of one more host, which knows the seeds that run already. */
  async add(name: string, role: HostRole, options: PeerMachineOptions = {}): Promise<PeerMachine> {
    const { megabits, isMirror = false, more = [], place } = options;
    const own = await this.addMachine(megabits, place?.zone);
    const where = place === undefined ? {} : { zone: zoneName(place), rack: place.rack };
    const home = this.homeOf(name);
    await this.authority.admit(home, name, role);
    const { registryHost } = this;
    writePlainHttp(home, registryHost);
    const listen = `${own.address}:${PEER_PORT}`;
    const configFile = join(home, 'config.toml');
    const known = { seeds: this.#seeds, trackers: this.trackerAddresses };
    const text = peerConfigText({ home, listen, registryHost, ...known, ...where, isMirror, more });
    writeFileSync(configFile, text);
    const machine = await this.#start(name, own, home, configFile);
    if (role === 'seed') this.#seeds.push(seedText(name, listen, where.zone));
    return machine;
  }

  /** Hosts that are added later know it. `moreAt` gives more of its command line, for the machine's address. */
  async addTracker(
    name: string,
    moreAt: (address: string) => readonly string[] = () => [],
  ): Promise<TrackerMachine> {
    const { authority, program: shoal } = this.#parts;
    const network = await this.addMachine();
    const { program } = await startOwnTracker(this.#t, {
      ...{ home: this.homeOf(name), authority, name, program: shoal, launcher: network.launcher },
      listen: `${network.address}:${TRACKER_PORT}`,
      more: moreAt(network.address),
    });
    const tracker = { network, program };
    this.#trackers.push(tracker);
    return tracker;
  }

  async #start(
    name: string,
    network: NetworkHost,
    home: string,
    configFile: string,
  ): Promise<PeerMachine> {
    const { env, root, run } = ownDaemon(this.#t, home);
    const [program = '', ...launcher] = network.launcher;
    const args = [...launcher, this.#parts.program, 'node', '--config', configFile];
    const logFile = join(home, 'log');
    const daemon = new OwnProgram({ name: `shoal node of ${name}`, program, args, env, logFile });
    this.#t.teardown(() => daemon.stop('SIGKILL'));
    const client = new ControlClient(daemonPaths({ root, run }).socket);
    const hasToken = async () =>
      (await client.status().catch(() => undefined))?.peer?.hasToken ?? false;
    await daemon.start(hasToken);
    const mountpoint = join(home, 'mnt');
    mkdirSync(mountpoint);
    const source = { plainHttp: true };
    return {
      ...{ name, network, program: daemon, mountpoint },
      address: `${network.address}:${PEER_PORT}`,
      mount: async () => {
        await client.mount({ reference: this.reference, mountpoint, source });
      },
      status: () => client.status(),
    };
  }
}

function zoneName({ zone }: HostPlace): string {
  return `z${zone}`;
}

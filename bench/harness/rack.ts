/**
 * Hosts of one rack on the loopback of this machine: a docker-registry, a tracker, and daemons that share
 * through it, or do not. Each is a process of its own, whose processor time can be told.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlClient, daemonPaths, type StatusAnswer } from '@shoal/node';
import type { TestScope } from '@shoal/test-kit';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';
import { ownDaemon } from '../../test/support/own-daemon.ts';
import { OwnProgram } from '../../test/support/own-program.ts';
import {
  PeerAuthority,
  peerConfigText,
  writePlainHttp,
} from '../../test/support/peer-authority.ts';
import { SHOAL } from './input.ts';

export type RackHost = {
  /** Names its processes, and nobody else's. */
  readonly home: string;
  readonly mountpoint: string;
  mount(reference: string): Promise<void>;
  status(): Promise<StatusAnswer>;
  /** Its reads that had to wait. */
  trace(): ReturnType<ControlClient['trace']>;
};

export type RackHostOptions = {
  readonly isSharing: boolean;
  /** Whether more than the missing chunks is fetched. */
  readonly isReadingAhead: boolean;
};

const TRACKER = 'tracker-1';
const ADDRESS = '127.0.0.1';
const END_MS_MAX = 10_000;

export class Rack {
  readonly #scope: TestScope;
  readonly directory: string;
  readonly #authority: PeerAuthority;
  #tracker = '';
  /** `ADDRESS:PORT`, plain HTTP. */
  readonly registryHost: string;
  /** Bytes of blobs that the registry has sent. */
  readonly registryBytes: () => number;
  readonly registryHome: string;

  /** Everything ends with the scope. */
  static async open(scope: TestScope, directory: string): Promise<Rack> {
    const registryHome = join(directory, 'registry');
    const registry = await startDockerRegistry(scope, registryHome);
    const authority = await PeerAuthority.open(join(directory, 'authority'));
    const { host, blobBytesSent } = registry;
    const rack = new Rack({ scope, directory, authority, registryHome, host, blobBytesSent });
    await rack.#startTracker();
    return rack;
  }

  private constructor(parts: {
    readonly scope: TestScope;
    readonly directory: string;
    readonly authority: PeerAuthority;
    readonly registryHome: string;
    readonly host: string;
    readonly blobBytesSent: () => number;
  }) {
    this.#scope = parts.scope;
    this.directory = parts.directory;
    this.#authority = parts.authority;
    this.registryHome = parts.registryHome;
    this.registryHost = parts.host;
    this.registryBytes = parts.blobBytesSent;
  }

  async #startTracker(): Promise<void> {
    const home = join(this.directory, TRACKER);
    const tls = await this.#authority.issue(home, TRACKER, 'tracker', [ADDRESS]);
    const keys = ['--tls', tls, '--token-key', this.#authority.tokenKey];
    const tracker = new OwnProgram({
      ...{ name: TRACKER, program: SHOAL, env: process.env, logFile: join(home, 'log') },
      args: ['tracker', '--listen', `${ADDRESS}:0`, ...keys],
    });
    this.#scope.teardown(() => tracker.stop('SIGKILL'));
    const address = () => /https:\/\/\S+/.exec(tracker.log())?.[0] ?? '';
    await tracker.start(() => address() !== '');
    this.#tracker = address();
  }

  /** Starts the daemon of one more host; resolves when others would talk to it. */
  async add(name: string, options: RackHostOptions): Promise<RackHost> {
    const home = join(this.directory, name);
    const configFile = await this.#configure(home, name, options);
    const { env, root, run } = ownDaemon(this.#scope, home);
    const daemon = new OwnProgram({
      ...{ name: `shoal node of ${name}`, program: SHOAL, env, logFile: join(home, 'log') },
      args: ['node', '--config', configFile],
    });
    this.#scope.teardown(() => daemon.stop('SIGTERM', { killAfterMs: END_MS_MAX }));
    const client = new ControlClient(daemonPaths({ root, run }).socket);
    await daemon.start(async () => {
      const status = await client.status().catch(() => undefined);
      return status !== undefined && (!options.isSharing || status.peer?.hasToken === true);
    });
    const mountpoint = join(home, 'mnt');
    mkdirSync(mountpoint);
    return {
      ...{ home, mountpoint },
      mount: async (reference) => {
        await client.mount({ reference, mountpoint, source: { plainHttp: true } });
      },
      status: () => client.status(),
      trace: () => client.trace({ names: [mountpoint] }),
    };
  }

  async #configure(
    home: string,
    name: string,
    { isSharing, isReadingAhead }: RackHostOptions,
  ): Promise<string> {
    const { registryHost } = this;
    mkdirSync(home, { recursive: true });
    writePlainHttp(home, registryHost);
    if (isSharing) await this.#authority.admit(home, name, 'peer');
    const sharing = { listen: `${ADDRESS}:0`, seeds: [], trackers: [this.#tracker] };
    const file = join(home, 'config.toml');
    writeFileSync(
      file,
      [
        isSharing
          ? peerConfigText({ home, registryHost, ...sharing })
          : `[registry]\nconfig_path = "${join(home, 'certs.d')}"`,
        `[cache]\nreadahead = ${isReadingAhead}`,
        '[mount]\nprefetch = false\n',
      ].join('\n'),
    );
    return file;
  }
}

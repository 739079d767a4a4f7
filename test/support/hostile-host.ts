/** A host of a test's network that does harm: believed as any other, and no daemon of ours. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestScope, until } from '@shoal/test-kit';
import { OwnProgram } from './own-program.ts';
import type { PeerMachine, PeerNetwork } from './peer-network.ts';
import { root as checkout } from './source-files.ts';

const PROGRAM = join(checkout, 'packages', 'p2p-peer', 'test', 'support', 'hostile-host.ts');
const PORT = 4010;

export type HostileOptions = {
  /**
   * Says it holds everything, and sends other bytes, refuses, or never answers; or asks without end,
   * sends what breaks rules, and keeps connections open.
   */
  readonly kind: 'corrupts' | 'withholds' | 'stalls' | 'floods';
  /** Whom it floods. @default nobody */
  readonly victims?: readonly PeerMachine[];
  /** Of each flood to each of them. @default 1 */
  readonly connections?: number;
};

export class HostileHost {
  readonly #program: OwnProgram;

  /** Does its harm when it resolves. */
  static async start(
    t: TestScope,
    network: PeerNetwork,
    { kind, victims = [], connections = 1 }: HostileOptions,
  ): Promise<HostileHost> {
    const machine = await network.addMachine();
    const home = network.homeOf(kind);
    mkdirSync(home, { recursive: true });
    await network.authority.admit(home, kind, 'peer');
    const options = {
      ...{ kind, connections, identity: join(home, 'tls'), address: `${machine.address}:${PORT}` },
      ...{ trackers: network.trackerAddresses, registry: network.registryHost },
      repository: network.repository,
      victims: victims.map(({ address }) => address),
    };
    const [program = '', ...launcher] = machine.launcher;
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
    const host = new OwnProgram({
      ...{ name: `the host that ${kind}`, program, env: process.env, logFile: join(home, 'log') },
      args: [...launcher, ...node, JSON.stringify(options)],
    });
    t.teardown(() => host.stop('SIGKILL'));
    const hostile = new HostileHost(host);
    await host.start(() => hostile.count('ready') > 0);
    return hostile;
  }

  private constructor(program: OwnProgram) {
    this.#program = program;
  }

  /** How often it has done that, as it says. */
  count(what: string): number {
    return this.counts()[what] ?? 0;
  }

  counts(): Readonly<Record<string, number>> {
    const told = this.#program.log().match(/^\{.*\}$/gm) ?? [];
    const counts: Record<string, number> = JSON.parse(told.at(-1) ?? '{}');
    return counts;
  }

  /** It has a wire to that host. */
  async untilMet({ name }: PeerMachine): Promise<void> {
    await until(`it has met ${name}`, () => this.count(`wires ${name}`) > 0);
  }

  /** What it has counted until then stays. */
  async stop(): Promise<void> {
    await this.#program.stop('SIGKILL');
  }
}

/**
 * Hosts of a test as network namespaces on a switch, each behind a link of a given rate. Addresses
 * are of these namespaces alone: nothing of it is reached from outside, or reaches out. Each zone has
 * a switch of its own; what goes from one to another takes its time.
 */
import { existsSync, readdirSync } from 'node:fs';
import { runChecked, runCommand, type TestScope } from '@shoal/test-kit';
import { startDelayLine } from './delay-line.ts';

export type NetworkHost = {
  readonly address: string;
  /** What runs a command on it. */
  readonly launcher: readonly string[];
  /** Bytes that have left it, headers of all layers counted. */
  bytesSent(): Promise<number>;
  /** Nothing reaches it or leaves it until it is joined again. */
  part(): Promise<void>;
  join(): Promise<void>;
};

const PREFIX = 'shoaln';
const DEVICE = 'eth0';
/** A bucket of 2 ms at 1 Gbit/s: smaller ones do not reach the rate. */
const BURST_BYTES = 256 * 1024;
const QUEUE_MS = 50;

export type HostNetworkOptions = {
  /** @default 1 */
  readonly zones?: number;
  /** One way from the first zone to any other. @default 0 */
  readonly delayMs?: number;
};

export class HostNetwork {
  readonly #switch: string;
  readonly #subnet: string;
  #hosts = 0;

  /** Needs root. */
  static async open(t: TestScope, options: HostNetworkOptions = {}): Promise<HostNetwork> {
    const { zones = 1, delayMs = 0 } = options;
    await removeAbandoned();
    const network = new HostNetwork(`${PREFIX}${process.pid}`);
    const name = network.#switch;
    t.teardown(() => removeNamespaces((known) => known.startsWith(`${name}`)));
    await addSwitch(name);
    for (let zone = 1; zone < zones; zone++) {
      const other = network.#switchOf(zone);
      await addSwitch(other);
      await startDelayLine(t, { from: name, to: other, number: zone, delayMs });
    }
    return network;
  }

  private constructor(name: string) {
    this.#switch = name;
    this.#subnet = `10.214.${process.pid % 250}`;
  }

  #switchOf(zone: number): string {
    return zone === 0 ? this.#switch : `${this.#switch}z${zone}`;
  }

  /** A host whose link carries so much each way. */
  async add(megabits: number, zone = 0): Promise<NetworkHost> {
    const ofZone = this.#switchOf(zone);
    this.#hosts += 1;
    const name = `${this.#switch}-${this.#hosts}`;
    const port = `port${this.#hosts}`;
    const address = `${this.#subnet}.${this.#hosts + 1}`;
    const within = (...args: string[]) => runChecked('ip', ['-n', name, ...args]);
    await runChecked('ip', ['netns', 'add', name]);
    await runChecked('ip', [
      ...['-n', ofZone, 'link', 'add', port, 'type', 'veth'],
      ...['peer', 'name', DEVICE, 'netns', name],
    ]);
    await runChecked('ip', ['-n', ofZone, 'link', 'set', port, 'master', 'switch', 'up']);
    await within('address', 'add', `${address}/24`, 'dev', DEVICE);
    await within('link', 'set', DEVICE, 'up');
    await within('link', 'set', 'lo', 'up');
    await setRate(name, DEVICE, megabits);
    await setRate(ofZone, port, megabits);
    return hostOf(name, { ofZone, port, address });
  }
}

function hostOf(
  name: string,
  { ofZone, port, address }: { readonly [key in 'ofZone' | 'port' | 'address']: string },
): NetworkHost {
  const link = (state: 'up' | 'down') =>
    runChecked('ip', ['-n', ofZone, 'link', 'set', port, state]);
  return {
    address,
    // Only the network is another one: mounts are seen by everybody.
    launcher: ['nsenter', `--net=/run/netns/${name}`],
    bytesSent: async () => {
      const file = `/sys/class/net/${DEVICE}/statistics/tx_bytes`;
      const { stdout } = await runChecked('ip', ['netns', 'exec', name, 'cat', file]);
      return Number(stdout);
    },
    part: async () => void (await link('down')),
    join: async () => void (await link('up')),
  };
}

async function addSwitch(name: string): Promise<void> {
  await runChecked('ip', ['netns', 'add', name]);
  await runChecked('ip', ['-n', name, 'link', 'add', 'switch', 'type', 'bridge']);
  await runChecked('ip', ['-n', name, 'link', 'set', 'switch', 'up']);
}

async function setRate(namespace: string, device: string, megabits: number): Promise<void> {
  const bucket = ['rate', `${megabits}mbit`, 'burst', `${BURST_BYTES}`, 'latency', `${QUEUE_MS}ms`];
  const where = ['-n', namespace, 'qdisc', 'add', 'dev', device, 'root'];
  await runChecked('tc', [...where, 'tbf', ...bucket]);
}

async function removeNamespaces(isMeant: (name: string) => boolean): Promise<void> {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of names.filter(isMeant)) await runCommand('ip', ['netns', 'delete', name]);
}

/** Namespaces of tests that were killed; those of running ones stay. */
async function removeAbandoned(): Promise<void> {
  await removeNamespaces((name) => {
    const match = new RegExp(`^${PREFIX}(\\d+)`).exec(name);
    return match !== null && !existsSync(`/proc/${match[1]}`);
  });
}

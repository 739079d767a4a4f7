/**
 * A docker-registry behind a link of a given rate: it runs in a network namespace of its own, and
 * what leaves it goes through a token bucket. Bytes are counted at the link, requests by its log.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { runChecked, runCommand, type TestScope } from '@shoal/test-kit';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';

export type LimitedRegistry = {
  /** `ADDRESS:PORT`, plain HTTP. */
  readonly host: string;
  /** Megabits per second of everything it sends; undefined takes the limit away. */
  limit(megabits: number | undefined): Promise<void>;
  /** Bytes it has sent over the link, headers of all layers counted. */
  bytesSent(): number;
  /** Requests it has answered. */
  requests(): number;
};

const PORT = 5000;
const PREFIX = 'shoalb';
/** A bucket of 2 ms at 1 Gbit/s: smaller ones do not reach the rate. */
const BURST_BYTES = 256 * 1024;
const QUEUE_MS = 50;

/** Starts it in `directory`; it and its namespace end with the scope. Needs root. */
export async function startLimitedRegistry(
  t: TestScope,
  directory: string,
): Promise<LimitedRegistry> {
  await removeAbandoned();
  // Names of interfaces have at most 15 characters.
  const name = `${PREFIX}${process.pid}`;
  const link = { name, outside: `${name}o`, inside: `${name}i` };
  const subnet = `10.213.${process.pid % 250}`;
  await openLink(t, link, subnet);
  const host = `${subnet}.2:${PORT}`;
  const launcher = ['ip', 'netns', 'exec', name];
  const registry = await startDockerRegistry(t, directory, { host, launcher });
  return {
    host,
    limit: (megabits) => setRate(link, megabits),
    bytesSent: () =>
      Number(readFileSync(`/sys/class/net/${link.outside}/statistics/rx_bytes`, 'utf8')),
    requests: registry.requests,
  };
}

/** Namespaces of benches that were killed; those of running ones stay. */
async function removeAbandoned(): Promise<void> {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of names.filter((known) => known.startsWith(PREFIX))) {
    if (existsSync(`/proc/${name.slice(PREFIX.length)}`)) continue;
    await runCommand('ip', ['link', 'delete', `${name}o`]);
    await runCommand('ip', ['netns', 'delete', name]);
  }
}

type Link = { readonly name: string; readonly outside: string; readonly inside: string };

async function openLink(t: TestScope, link: Link, subnet: string): Promise<void> {
  const { name, outside, inside } = link;
  t.teardown(async () => {
    await runCommand('ip', ['link', 'delete', outside]);
    await runCommand('ip', ['netns', 'delete', name]);
  });
  const within = (...args: string[]) => runChecked('ip', ['-n', name, ...args]);
  await runChecked('ip', ['netns', 'add', name]);
  await runChecked('ip', [
    ...['link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', name],
  ]);
  await runChecked('ip', ['address', 'add', `${subnet}.1/24`, 'dev', outside]);
  await runChecked('ip', ['link', 'set', outside, 'up']);
  await within('address', 'add', `${subnet}.2/24`, 'dev', inside);
  await within('link', 'set', inside, 'up');
  await within('link', 'set', 'lo', 'up');
}

async function setRate({ name, inside }: Link, megabits: number | undefined): Promise<void> {
  const device = ['dev', inside, 'root'];
  await runCommand('tc', ['-n', name, 'qdisc', 'delete', ...device]);
  if (megabits === undefined) return;
  const bucket = ['rate', `${megabits}mbit`, 'burst', `${BURST_BYTES}`, 'latency', `${QUEUE_MS}ms`];
  await runChecked('tc', ['-n', name, 'qdisc', 'add', ...device, 'tbf', ...bucket]);
}

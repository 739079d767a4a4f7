/**
 * A docker-registry behind a link of a given rate: it runs in a network namespace of its own, and
 * what leaves it goes through a token bucket. Bytes are counted at the link, requests by its log.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChecked, runCommand, type TestScope } from '@shoal/test-kit';

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
const READY_MS_MAX = 30_000;
/** A bucket of 2 ms at 1 Gbit/s: smaller ones do not reach the rate. */
const BURST_BYTES = 256 * 1024;
const QUEUE_MS = 50;

/** Starts it in `directory`; it and its namespace end with the scope. Needs root. */
export async function startLimitedRegistry(
  t: TestScope,
  directory: string,
): Promise<LimitedRegistry> {
  // Names of interfaces have at most 15 characters.
  const name = `shoalb${process.pid % 100_000}`;
  const link = { name, outside: `${name}o`, inside: `${name}i` };
  const subnet = `10.213.${process.pid % 250}`;
  await openLink(t, link, subnet);
  const host = `${subnet}.2:${PORT}`;
  const log = await startRegistry(t, { name, host, directory });
  return {
    host,
    limit: (megabits) => setRate(link, megabits),
    bytesSent: () =>
      Number(readFileSync(`/sys/class/net/${link.outside}/statistics/rx_bytes`, 'utf8')),
    requests: () => readFileSync(log, 'utf8').match(/"(GET|HEAD) \/v2\//g)?.length ?? 0,
  };
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

/** The path of its log. */
async function startRegistry(
  t: TestScope,
  { name, host, directory }: { name: string; host: string; directory: string },
): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'config.yml');
  writeFileSync(
    config,
    [
      'version: 0.1',
      'log: { accesslog: { disabled: false }, level: error }',
      `storage: { filesystem: { rootdirectory: ${join(directory, 'data')} } }`,
      `http: { addr: ${host}, secret: bench }`,
      '',
    ].join('\n'),
  );
  const log = join(directory, 'log');
  const fd = openSync(log, 'w');
  const child = spawn('ip', ['netns', 'exec', name, 'docker-registry', 'serve', config], {
    stdio: ['ignore', fd, fd],
  });
  closeSync(fd);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const giveUpAt = performance.now() + READY_MS_MAX;
  while (performance.now() < giveUpAt) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return log;
    await sleep(50);
  }
  throw new Error(`docker-registry does not start\n${readFileSync(log, 'utf8')}`);
}

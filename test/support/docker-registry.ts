/** Debian's `docker-registry` in a process of its own, with its access log at hand. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestScope } from '@shoal/test-kit';
import { OwnProgram } from './own-program.ts';

export type DockerRegistry = {
  /** `127.0.0.1:PORT`, or what was asked for. */
  readonly host: string;
  /** Bytes of blobs it has sent since it started, by its access log; of all, or to these addresses. */
  blobBytesSent(addresses?: readonly string[]): number;
  /** Requests it has answered since it started, by its access log. */
  requests(): number;
};

export type DockerRegistryPlace = {
  /** Address and port. @default a free port of 127.0.0.1 */
  readonly host?: string;
  /** What starts its command elsewhere, such as `ip netns exec NAME`. @default nothing */
  readonly launcher?: readonly string[];
};

/** Starts it in `directory`; it ends with the test. */
export async function startDockerRegistry(
  t: TestScope,
  directory: string,
  place: DockerRegistryPlace = {},
): Promise<DockerRegistry> {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'config.yml');
  writeFileSync(config, configuration(place.host ?? '127.0.0.1:0', join(directory, 'data')));
  const logFile = join(directory, 'log');
  // What an earlier one in this directory has said is not of this one.
  writeFileSync(logFile, '');
  const [program = '', ...args] = [...(place.launcher ?? []), 'docker-registry', 'serve', config];
  const { env } = process;
  const registry = new OwnProgram({ name: 'docker-registry', program, args, env, logFile });
  t.teardown(() => registry.stop('SIGKILL'));
  let host = '';
  await registry.start(() => {
    host = addressIn(registry.log());
    return host !== '';
  });
  const told = () => registry.log();
  return {
    host,
    blobBytesSent: (addresses) => sentBytes(told(), addresses),
    requests: () => told().match(/"(GET|HEAD) \/v2\//g)?.length ?? 0,
  };
}

function configuration(host: string, data: string): string {
  return [
    'version: 0.1',
    'log: { accesslog: { disabled: false }, level: info }',
    `storage: { filesystem: { rootdirectory: ${data} }, delete: { enabled: true } }`,
    `http: { addr: ${host}, secret: test }`,
    '',
  ].join('\n');
}

/** Access log lines are in the common log format: request, status, bytes. */
function sentBytes(log: string, addresses?: readonly string[]): number {
  let sum = 0;
  const lines = /^(\S+) .*"GET \/v2\/\S+\/blobs\/\S+ HTTP\/1\.1" 20[06] (\d+)/gm;
  for (const [, address = '', bytes] of log.matchAll(lines)) {
    if (addresses?.includes(address) ?? true) sum += Number(bytes);
  }
  return sum;
}

/** The address it says it listens at, with the port that the kernel has given it; empty before. */
function addressIn(log: string): string {
  return /listening on ([\d.]+:\d+)/.exec(log)?.[1] ?? '';
}

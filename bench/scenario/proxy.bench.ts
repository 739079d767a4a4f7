/**
 * Pulls through `shoal proxy`, against pulls from the registry itself and through Debian's registry as
 * a mirror, which keeps blobs on its disk. Each is a process of its own; the client is this one. The
 * proxy by itself keeps no blobs: what is read through it is read from the registry each time.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { parseManifest, parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { buildLayout, writeTar } from '@shoal/test-kit';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';
import { OwnProgram } from '../../test/support/own-program.ts';
import { pushLayout } from '../../test/support/pushed-image.ts';
import { measureInTurn, median } from '../harness/figures.ts';
import { REPOSITORY_ROOT } from '../harness/input.ts';
import { compareRounds, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';

export const proxyScenario: Scenario = {
  summary: 'requests and blobs through the registry proxy, beside the registry and a mirror',
  runs: 7,
  run,
};

const REPOSITORY = 'bench/image';
const RANGE_BYTES = 4096;

type Contestant = { readonly name: string; readonly host: string };

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  await using scope = new BenchScope();
  const blobBytes = options.isSmall ? 4 << 20 : 256 << 20;
  const requests = options.isSmall ? 5 : 200;
  const registry = await startDockerRegistry(scope, join(directory, 'registry'));
  const layout = join(directory, 'layout');
  const tar = writeTar([{ name: 'noise', content: randomBytes(blobBytes) }]);
  buildLayout({ directory: layout, layers: [{ tar, compression: 'none' }] });
  await pushLayout(layout, `${registry.host}/${REPOSITORY}:v1`);
  const contestants: readonly Contestant[] = [
    { name: 'the registry itself', host: registry.host },
    { name: 'shoal proxy', host: await startProxy(scope, directory, registry.host) },
    {
      name: 'docker-registry as a mirror',
      host: await startMirror(scope, directory, registry.host),
    },
  ];
  const { digest, layer } = await digestsOf(registry.host);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.teardown(() => agent.destroy());
  const rows: Row[] = [];
  const several = (path: string, more: Ask) => async (host: string) => {
    const times: number[] = [];
    for (let count = 0; count < requests; count++) times.push(await timed(agent, host, path, more));
    return median(times);
  };
  const measure = async (work: string, unit: string, one: (host: string) => Promise<number>) => {
    options.say(work);
    const tasks = new Map(contestants.map(({ name, host }) => [name, () => one(host)]));
    // What a mirror fetches for the first time is not what it is for.
    for (const task of tasks.values()) await task();
    rows.push(...compareRounds(work, unit, await measureInTurn(options.runs, tasks)));
  };
  const base = `/v2/${REPOSITORY}`;
  await measure('HEAD of a tag', 'ms', several(`${base}/manifests/v1`, { method: 'HEAD' }));
  await measure('manifest by digest', 'ms', several(`${base}/manifests/${digest}`, {}));
  const range = `bytes=1000000-${1_000_000 + RANGE_BYTES - 1}`;
  await measure('4 KiB of a blob', 'ms', several(`${base}/blobs/${layer}`, { range }));
  await measure(`blob of ${blobBytes >> 20} MiB`, 's', async (host) => {
    return (await timed(agent, host, `${base}/blobs/${layer}`, {})) / 1000;
  });
  return {
    parameters: { requests, blobBytes, runs: options.runs },
    rows,
    notes: [
      'One connection, one request after the other; the median of the requests of a run, and of the runs.',
      'Everything has been asked for once before: the mirror has it on its disk; the proxy has manifests in memory, and reads blobs from the registry.',
    ],
  };
}

async function startProxy(scope: BenchScope, directory: string, upstream: string): Promise<string> {
  const place = join(directory, 'proxy');
  mkdirSync(place);
  const main = join(REPOSITORY_ROOT, 'packages/cli/src/main.ts');
  return startServer(scope, {
    name: 'shoal proxy',
    program: process.execPath,
    args: [
      main,
      'proxy',
      '--listen',
      '127.0.0.1:0',
      '--upstream',
      `registry.test=http://${upstream}`,
    ],
    logFile: join(place, 'log'),
    says: /http:\/\/([\d.]+:\d+) mirrors/,
  });
}

async function startMirror(
  scope: BenchScope,
  directory: string,
  upstream: string,
): Promise<string> {
  const place = join(directory, 'mirror');
  mkdirSync(place);
  const config = join(place, 'config.yml');
  const lines = [
    'version: 0.1',
    'log: { accesslog: { disabled: true }, level: info }',
    `storage: { filesystem: { rootdirectory: ${join(place, 'data')} } }`,
    'http: { addr: 127.0.0.1:0, secret: bench }',
    `proxy: { remoteurl: "http://${upstream}" }`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return startServer(scope, {
    name: 'docker-registry',
    program: 'docker-registry',
    args: ['serve', config],
    logFile: join(place, 'log'),
    says: /listening on ([\d.]+:\d+)/,
  });
}

type Server = {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** Its address is the first group. */
  readonly says: RegExp;
};

async function startServer(scope: BenchScope, { says, ...server }: Server): Promise<string> {
  writeFileSync(server.logFile, '');
  const program = new OwnProgram({ ...server, env: process.env });
  scope.teardown(() => program.stop('SIGKILL'));
  let host = '';
  await program.start(() => {
    host = says.exec(program.log())?.[1] ?? '';
    return host !== '';
  });
  return host;
}

async function digestsOf(host: string): Promise<{ digest: string; layer: string }> {
  const reference = parseReference(`${host}/${REPOSITORY}:v1`);
  await using source = await openSource(reference, { plainHttp: true });
  const top = await source.resolve();
  const manifest = parseManifest(await source.readManifest(top));
  const [layer] = manifest.kind === 'manifest' ? manifest.layers : [];
  if (layer === undefined) throw new Error('one image, please');
  return { digest: top.digest, layer: layer.digest };
}

type Ask = { readonly method?: string; readonly range?: string };

/** Milliseconds to the end of the body. */
function timed(agent: Agent, host: string, path: string, more: Ask): Promise<number> {
  const { method = 'GET', range } = more;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const { hostname, port } = new URL(`http://${host}`);
  const headers = {
    accept: 'application/vnd.oci.image.manifest.v1+json',
    ...(range === undefined ? {} : { range }),
  };
  const startedAt = performance.now();
  const asked = request({ agent, hostname, port, path, method, headers }, (answer) => {
    answer.on('error', reject);
    answer.resume();
    answer.on('end', () => {
      const { statusCode = 0 } = answer;
      if (statusCode < 300) resolve(performance.now() - startedAt);
      else reject(new Error(`${host}${path}: status ${statusCode}`));
    });
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}

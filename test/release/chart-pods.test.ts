/**
 * An image of the release, and the chart's own pods run of it by podman: trackers, seeds and nodes, confined
 * as their templates say, find each other, and a layer comes through the mirror of a node.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseHostName } from '@shoal/p2p-peer';
import { createAuthority, issueCertificate } from '@shoal/p2p-peer/trust';
import {
  noise,
  requireHelm,
  requireMounts,
  requireTool,
  runChecked,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import t from 'tap';
import { buildRelease } from '../support/built-release.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { HostNetwork, type NetworkHost } from '../support/host-network.ts';
import { Chart, LEAST, NAMESPACE, objectsOf, workloadsOf } from '../support/rendered-chart.ts';
import { type Files, Pods, type RunningPod } from '../support/rendered-pods.ts';
import { root } from '../support/source-files.ts';

const MEGABITS = 1000;
const REGISTRY_PORT = 5000;
const MIRROR = '127.0.0.1:4001';
const BLOB_BYTES = 24 << 20;
const ROLES = { tracker: 'tracker', seeds: 'seed', node: 'peer' } as const;
const PODS = ['tracker-0', 'tracker-1', 'seeds-0', 'seeds-1', 'node-1', 'node-2'];

t.setTimeout(900_000);

t.test('trackers, seeds and nodes of the chart work together', async (t) => {
  const judge = requireHelm(t);
  const tools = ['podman', 'runc', 'ip', 'tc', 'nsenter', 'curl', 'docker-registry', 'mmdebstrap'];
  if (judge === undefined || !requireMounts(t) || !requireTool(t, ...tools)) return;
  const directory = temporaryDirectory(t);
  const network = await HostNetwork.open(t);
  const registry = await network.add(MEGABITS);
  const hosts = new Map<string, NetworkHost>();
  for (const name of PODS) hosts.set(name, await network.add(MEGABITS));
  const upstream = `${registry.address}:${REGISTRY_PORT}`;
  const { launcher } = registry;
  const served = await startDockerRegistry(t, join(directory, 'registry'), {
    ...{ host: upstream, launcher },
  });
  const digest = await pushBlob(directory, registry, upstream);

  const { secrets, publicKeys, identities } = await makeSecrets(join(directory, 'ca'));
  const chart = new Chart(judge, directory);
  const rendered = await chart.template({
    ...{ image: LEAST['image'], tokens: { publicKeys } },
    // As an administrator would for a registry without TLS: a file on the claim.
    seeds: {
      zone: 'a',
      origins: [upstream],
      extraConfig: '[registry]\nconfig_path = "/data/certs.d"\n',
    },
    nodes: {
      pools: [{ name: 'all', zone: 'a', rack: 'r1' }],
      proxy: { upstreams: [{ name: upstream, address: `http://${upstream}`, auth: 'own' }] },
    },
  });
  t.equal(rendered.exitCode, 0, rendered.stderr);
  const objects = objectsOf(rendered.stdout);
  const names = new Map(
    ['tracker-0', 'tracker-1'].map((name) => [
      `shoal-${name}.shoal-tracker.${NAMESPACE}.svc.cluster.local`,
      hosts.get(name)?.address ?? '',
    ]),
  );
  const pods = new Pods(t, { directory, objects, secrets, names });
  await buildImage(pods, directory);

  const specs = new Map(workloadsOf(objects));
  const start = async (name: string): Promise<RunningPod> => {
    const [set = ''] = name.split('-');
    const spec = specs.get(set === 'node' ? 'shoal-node-all' : `shoal-${set}`);
    const host = hosts.get(name);
    if (spec === undefined || host === undefined) throw new Error(`no pod ${name}`);
    if (set === 'seeds') writeHosts(join(directory, `shoal-${name}`, 'data'), upstream);
    return await pods.run(`shoal-${name}`, spec, host, identities.get(name) ?? {});
  };
  const running = new Map<string, RunningPod>();
  for (const name of PODS) running.set(name, await start(name));
  const peerOf = async (name: string) => {
    const said = await running.get(name)?.exec('status', '--json');
    return said?.exitCode === 0 ? JSON.parse(said.stdout).peer : undefined;
  };
  for (const name of PODS.slice(2)) {
    try {
      await until(`${name} knows all and has a token`, async () => {
        const peer = await peerOf(name);
        return peer?.hosts === 4 && peer.hasToken === true;
      });
    } catch (error) {
      for (const pod of running.values()) t.comment(pod.name, await pod.log());
      throw error;
    }
  }
  t.equal((await peerOf('node-1')).self.address, `${hosts.get('node-1')?.address}:4010`);
  t.match((await peerOf('seeds-1')).self, { host: 'shoal-seeds-1', role: 'seed' });

  const pull = async (name: string) => {
    const url = `http://${MIRROR}/v2/team/app/blobs/${digest}?ns=${encodeURIComponent(upstream)}`;
    const file = join(directory, `pulled-${name}`);
    await onHost(hosts.get(name), 'curl', '-sSf', '--output', file, url);
    return `sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
  };
  t.equal(await pull('node-1'), digest, 'a layer comes through the mirror of a node');
  t.equal(await pull('node-2'), digest);
  const { traffic } = await peerOf('node-2');
  t.comment(`the registry has sent ${served.blobBytesSent()}; ${JSON.stringify(traffic)}`);
  t.ok(traffic.rack + traffic.zone > 0, 'from other hosts');
  for (const name of ['tracker-0', 'tracker-1']) {
    await onHost(
      hosts.get(name),
      'curl',
      '-sSf',
      `http://${hosts.get(name)?.address}:4021/healthz`,
    );
  }
});

async function buildImage(pods: Pods, directory: string): Promise<void> {
  const release = await buildRelease(join(directory, 'dist'), ['--no-deb']);
  const made = await runChecked(join(root, 'scripts/debian-root.sh'), ['mount,systemd'], {
    timeoutMs: 400_000,
  });
  const context = join(directory, 'context');
  mkdirSync(context);
  const tarball = release.file('.tar.gz');
  copyFileSync(tarball, join(context, basename(tarball)));
  await pods.build(join(root, 'packaging/Dockerfile'), context, made.stdout.trim());
}

/** Of trackers and seeds as secrets, of nodes as files on their disk. */
async function makeSecrets(authority: string) {
  await createAuthority(authority);
  const secrets = new Map<string, Files>();
  const identities = new Map<string, Files>();
  for (const pod of PODS) {
    const [set = '', at] = pod.split('-');
    const role = ROLES[set === 'tracker' ? 'tracker' : set === 'seeds' ? 'seeds' : 'node'];
    const host = parseHostName(`shoal-${pod}`);
    const issued = await issueCertificate(authority, { host, role, addresses: [], days: 1 });
    const files = { 'ca.crt': issued.ca, 'tls.crt': issued.cert, 'tls.key': issued.key };
    if (role === 'tracker') secrets.set('shoal-tracker', files);
    else if (role === 'seed') secrets.set(`shoal-seed-${at}`, files);
    else identities.set(pod, files);
  }
  const key = readFileSync(join(authority, 'token.key'), 'utf8');
  secrets.set('shoal-token-key', { 'token.key': key });
  const publicKeys = readFileSync(join(authority, 'token.pub'), 'utf8');
  return { secrets, publicKeys, identities };
}

function writeHosts(data: string, upstream: string): void {
  const directory = join(data, 'certs.d', upstream);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'hosts.toml'), `server = "http://${upstream}"\n`);
}

/** As clients push: an upload that is begun, and ended with all of it. */
async function pushBlob(directory: string, registry: NetworkHost, host: string): Promise<string> {
  const bytes = noise(BLOB_BYTES, 'layer');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const file = join(directory, 'layer');
  writeFileSync(file, bytes);
  const begun = await onHost(
    registry,
    'curl',
    '-sSf',
    '-i',
    '-X',
    'POST',
    `http://${host}/v2/team/app/blobs/uploads/`,
  );
  const [, location = ''] = /^location: (\S+)/im.exec(begun) ?? [];
  const url = `${location}&digest=${encodeURIComponent(digest)}`;
  const type = 'content-type: application/octet-stream';
  await onHost(registry, 'curl', '-sSf', '-X', 'PUT', '-H', type, '--data-binary', `@${file}`, url);
  return digest;
}

async function onHost(host: NetworkHost | undefined, ...argv: string[]): Promise<string> {
  const [program = '', ...args] = [...(host?.launcher ?? []), ...argv];
  return (await runChecked(program, args)).stdout;
}

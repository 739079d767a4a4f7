/** Mirrors of `hosts.toml` against real registries: order, fall-back, headers, certificates, paths. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parseReference, type RegistryReference } from '@shoal/oci';
import { type ClientOptions, createRegistryClient, openTarget } from '@shoal/registry-client';
import {
  closeServer,
  FaultProxy,
  isBlobRead,
  listenOnLoopback,
  noiseBytes,
  requireTool,
  serveOnLoopback,
  startDockerRegistry,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { FixedSource, password } from './support/fixed-source.ts';
import { writeImage } from './support/image-target-suite.ts';

const NAME = 'images.example:5000';
const BYTES = noiseBytes(300_000, 61);

function reference(text: string): RegistryReference {
  const parsed = parseReference(text);
  if (parsed.kind !== 'registry') throw new Error('no registry');
  return parsed;
}

/** A client for which `images.example:5000` is what the text says. */
function clientWith(t: TestScope, hosts: string, options: ClientOptions = {}) {
  const root = temporaryDirectory(t);
  const file = join(root, 'images.example_5000_', 'hosts.toml');
  mkdirSync(join(root, 'images.example_5000_'));
  writeFileSync(file, hosts);
  const asked: string[] = [];
  const client = createRegistryClient({
    hostsDirectories: [root],
    credentialSources: [],
    onRequest: ({ url }) => asked.push(new URL(url).host),
    ...options,
  });
  t.teardown(() => client.close());
  return { client, asked, file };
}

async function pushImage(host: string, options: ClientOptions = {}) {
  await using target = await openTarget(reference(`${host}/a/b:v1`), options);
  const { manifest, descriptor } = await writeImage(target, [BYTES]);
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('no layer');
  return { layer, descriptor };
}

/** An address where nobody listens. */
async function deadHost(): Promise<string> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await closeServer(server);
  return `127.0.0.1:${port}`;
}

if (requireTool(t, 'docker-registry', 'openssl', 'htpasswd')) {
  t.test('a mirror has it: the registry itself is not asked', async (t) => {
    const [mirror, upstream] = [await startDockerRegistry(t), await startDockerRegistry(t)];
    const { layer, descriptor } = await pushImage(mirror.host);
    const { client, asked } = clientWith(
      t,
      `server = "http://${upstream.host}"\n[host."http://${mirror.host}"]`,
    );
    await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
    t.same(await source.resolve(), descriptor);
    t.ok((await buffer(await source.readBlob(layer))).equals(BYTES));
    t.ok((await source.readBlobRange(layer, 10, 50)).equals(BYTES.subarray(10, 60)));
    t.same([...new Set(asked)], [mirror.host]);
    t.match(source.description, NAME);
  });

  t.test('a mirror that is dead, and one that has nothing: the next is asked', async (t) => {
    const [dead, empty] = [await deadHost(), await startDockerRegistry(t)];
    const upstream = await startDockerRegistry(t);
    const { layer, descriptor } = await pushImage(upstream.host);
    const hosts = [
      `server = "http://${upstream.host}"`,
      `[host."http://${dead}"]`,
      `[host."http://${empty.host}"]`,
    ].join('\n');
    const { client, asked } = clientWith(t, hosts);
    await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
    t.same(await source.resolve(), descriptor);
    t.same([...new Set(asked)], [dead, empty.host, upstream.host], 'in the order of the file');
    asked.length = 0;
    t.ok((await buffer(await source.readBlob(layer))).equals(BYTES));
    t.ok((await source.readBlobRange(layer, 10, 50)).equals(BYTES.subarray(10, 60)));
    t.notOk(asked.includes(dead), 'a dead mirror is left alone for a while');
    await using absent = await client.openSource(reference(`${NAME}/a/b:absent`));
    await t.rejects(absent.resolve(), { code: 'ERR_REGISTRY_CLIENT_NOT_FOUND', message: NAME });
  });

  t.test('a mirror that breaks off: the next goes on where it stopped', async (t) => {
    const [mirror, upstream] = [await startDockerRegistry(t), await startDockerRegistry(t)];
    const { layer } = await pushImage(mirror.host);
    await pushImage(upstream.host);
    const proxy = await FaultProxy.listen(t, mirror.host);
    const fault = { kind: 'truncate', afterBytes: 100_000 } as const;
    proxy.inject({ fault, times: 1, matches: isBlobRead });
    const { client, asked } = clientWith(
      t,
      `server = "http://${upstream.host}"\n[host."http://${proxy.host}"]`,
    );
    await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
    await source.resolve();
    t.ok((await buffer(await source.readBlob(layer))).equals(BYTES));
    t.ok(asked.includes(upstream.host));
  });

  t.test('a mirror that may only pull does not say what a tag means', async (t) => {
    const [mirror, upstream] = [await startDockerRegistry(t), await startDockerRegistry(t)];
    await pushImage(mirror.host);
    const { layer, descriptor } = await pushImage(upstream.host);
    const { client, asked } = clientWith(
      t,
      `server = "http://${upstream.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull"]`,
    );
    await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
    await source.resolve();
    t.same([...new Set(asked)], [upstream.host]);
    await source.readBlobRange(layer, 0, 5);
    t.equal(asked.at(-1), mirror.host);
    t.same(await source.listReferrers(descriptor.digest), []);
    await using pinned = await client.openSource(reference(`${NAME}/a/b@${descriptor.digest}`));
    asked.length = 0;
    await pinned.resolve();
    t.same([...new Set(asked)], [mirror.host], 'a digest needs no trust');
    const none = clientWith(t, `server = "http://${upstream.host}"\ncapabilities = ["push"]`);
    await using nobody = await none.client.openSource(reference(`${NAME}/a/b:v1`));
    await t.rejects(nobody.resolve(), {
      code: 'ERR_REGISTRY_CLIENT_NO_SERVER',
      message: /resolve/,
    });
  });

  t.test('the authority, certificate and names of a mirror', async (t) => {
    const mirror = await startDockerRegistry(t, { tls: 'mutual' });
    const {
      caFile = '',
      clientCertificateFile = '',
      clientKeyFile = '',
    } = mirror.certificates ?? {};
    const files = { caFile, clientCertificateFile, clientKeyFile };
    const { descriptor } = await pushImage(mirror.host, { ...files, credentialSources: [] });
    const pair = JSON.stringify([[clientCertificateFile, clientKeyFile]]);
    const good = `ca = ${JSON.stringify(caFile)}\nclient = ${pair}`;
    const loose = `skip_verify = true\nclient = ${pair}`;
    for (const settings of [good, loose]) {
      const { client } = clientWith(t, `server = "https://${mirror.host}"\n${settings}`);
      await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
      t.same(await source.resolve(), descriptor);
    }
    const { client } = clientWith(t, `server = "https://${mirror.host}"\nclient = ${pair}`);
    await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
    await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_TLS' });
  });

  t.test('credentials: a mirror gets its own, the server those of the registry', async (t) => {
    const users = { ann: 'secret' };
    const [mirror, upstream] = [
      await startDockerRegistry(t, { htpasswd: users }),
      await startDockerRegistry(t, { htpasswd: users }),
    ];
    const ann = { credentialSources: [new FixedSource(() => [password('ann', 'secret')])] };
    await pushImage(mirror.host, ann);
    await pushImage(upstream.host, ann);
    const hosts = `server = "http://${upstream.host}"\n[host."http://${mirror.host}"]`;
    const only = (registry: string) =>
      new FixedSource((question) =>
        question.registry === registry ? [password('ann', 'secret')] : [],
      );
    for (const [registry, answered] of [
      [mirror.host, mirror.host],
      [NAME, upstream.host],
      [upstream.host, upstream.host],
    ] as const) {
      const { client, asked } = clientWith(t, hosts, { credentialSources: [only(registry)] });
      await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
      t.ok(await source.resolve(), registry);
      t.equal(asked.at(-1), answered);
    }
  });

  t.test('a malformed file is said at once', async (t) => {
    const { client, file } = clientWith(t, 'server = ');
    await t.rejects(client.openSource(reference(`${NAME}/a/b:v1`)), {
      code: 'ERR_REGISTRY_CLIENT_HOSTS_FILE',
      message: file,
    });
  });
}

t.test('what a mirror is asked: path, name of the registry, headers', async (t) => {
  const requests: { url: string | undefined; header: string | undefined }[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    requests.push({ url: request.url, header: request.headers['x-mine']?.toString() });
    response.writeHead(404).end();
  });
  const base = `http://${await serveOnLoopback(t, server)}`;
  const hosts = [
    `server = "${base}/own"`,
    `[host."${base}/sub/"]`,
    `[host."${base}/whole/api"]`,
    'override_path = true',
    `[host."${base}/whole/api".header]`,
    'X-Mine = "yes"',
  ].join('\n');
  const { client } = clientWith(t, hosts);
  await using source = await client.openSource(reference(`${NAME}/a/b:v1`));
  await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_NOT_FOUND' });
  const query = `?ns=${encodeURIComponent(NAME)}`;
  t.same(requests, [
    { url: `/sub/v2/a/b/manifests/v1${query}`, header: undefined },
    { url: `/whole/api/a/b/manifests/v1${query}`, header: 'yes' },
    { url: `/own/v2/a/b/manifests/v1${query}`, header: undefined },
  ]);
});

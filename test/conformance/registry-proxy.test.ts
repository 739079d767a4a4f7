/**
 * The suite of the OCI distribution specification against `shoal proxy`. What it writes goes to a
 * registry, what it reads comes through the proxy: manifests, blobs and lists are compared to the byte.
 * A second time it only reads what is there, first with a proxy that knows nothing, then with one that
 * has seen it all. The suite is built by test/judges/build-distribution-spec.sh.
 */
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { RegistryProxy } from '@shoal/registry-proxy';
import {
  requireDistributionJudge,
  requireTool,
  serveOnLoopback,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { READS, REPOSITORY, readOnly, runSuite } from './support/distribution-suite.ts';
import { contentOf } from './support/registry-content.ts';

/** Longer than tags are believed, and than something is believed to be missing. */
const BELIEVED_MS = 11_000;

const judge = requireDistributionJudge(t);
if (judge !== undefined) {
  t.test('it writes to a registry and reads through the proxy', async (t) => {
    const registry = await embedded(t);
    const host = await startSplitter(t, registry.host);
    const verdicts = await runSuite(t, judge, host, {
      OCI_API_BLOBS_DIGEST_HEADER: 'true',
      OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
    });
    for (const name of [...READS, 'Blob get range']) t.equal(verdicts.get(name), 'Pass', name);
  });

  t.test('it reads what is there, cold and warm', async (t) => {
    const registry = await embedded(t);
    await runSuite(t, judge, registry.host, {});
    const proxyHost = await startProxy(t, registry.host, () => performance.now());
    const content = await contentOf(registry.host, REPOSITORY);
    for (const state of ['cold', 'warm']) {
      const verdicts = await runSuite(t, judge, proxyHost, readOnly(content));
      t.equal(verdicts.get('OCI Conformance Result'), 'Pass', state);
      for (const name of READS) t.equal(verdicts.get(name), 'Pass', `${state}: ${name}`);
    }
  });

  t.test("the same before Debian's registry", async (t) => {
    if (!requireTool(t, 'docker-registry')) return;
    const registry = await startDockerRegistry(t);
    const host = await startSplitter(t, registry.host);
    // What it cannot store is not asked for.
    const verdicts = await runSuite(t, judge, host, {
      OCI_API_REFERRER: 'false',
      OCI_DATA_NONDISTRIBUTABLE: 'false',
      OCI_API_TAGS_LIST: 'false',
      OCI_DATA_SHA512: 'false',
      OCI_DATA_ARTIFACT: 'false',
      OCI_API_BLOBS_DIGEST_HEADER: 'true',
      OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
    });
    const reads = READS.filter((name) => name !== 'Tag listing' && name !== 'Referrers');
    for (const name of [...reads, 'Blob get range']) t.equal(verdicts.get(name), 'Pass', name);
  });
}

async function embedded(t: Test): Promise<EmbeddedRegistry> {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  return registry;
}

async function startProxy(t: Test, upstream: string, clock: () => number): Promise<string> {
  const proxy = await RegistryProxy.listen({
    port: 0,
    clock,
    upstreams: [{ name: 'registry.test', address: `http://${upstream}` }],
    manifestDirectory: join(temporaryDirectory(t), 'manifests'),
  });
  t.teardown(() => proxy.close());
  return proxy.host;
}

/**
 * Reads go to the proxy, everything else to the registry, as clients with a mirror have it. By the
 * clock of the proxy more time passes between writes than it believes a tag for.
 */
async function startSplitter(t: Test, registry: string): Promise<string> {
  let aheadMs = 0;
  const proxy = await startProxy(t, registry, () => performance.now() + aheadMs);
  const server = createServer((request, response) => {
    const { method, url: path, headers } = request;
    const isRead = (method === 'GET' || method === 'HEAD') && !/\/uploads\//.test(path ?? '');
    if (!isRead) aheadMs += BELIEVED_MS;
    const { hostname, port } = new URL(`http://${isRead ? proxy : registry}`);
    const passed = httpRequest(
      { hostname, port, method, path, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  return serveOnLoopback(t, server);
}

/** The mirror of a daemon believes the authorities that the daemon believes, and its log says when it does not. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { ProxyEvent } from '@shoal/registry-proxy';
import { requireTool, serveOnLoopback, temporaryDirectory } from '@shoal/test-kit';
import { makeCertificates } from '@shoal/test-kit/registry/certificates';
import t from 'tap';
import { openLog } from '../src/log/log.ts';
import { serveProxy } from '../src/proxy/serve-proxy.ts';

const MANIFEST = JSON.stringify({ schemaVersion: 2 });

t.test('a registry of an authority of its own', async (t) => {
  if (!requireTool(t, 'openssl')) return;
  const root = temporaryDirectory(t);
  const { caFile, certificateFile, keyFile } = makeCertificates(temporaryDirectory(t));
  const pem = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
  const server = createServer(pem, (_, response) => {
    const type = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
    response.writeHead(200, type).end(MANIFEST);
  });
  const host = await serveOnLoopback(t, server);
  const fd = openSync(join(root, 'log'), 'a');
  t.teardown(() => closeSync(fd));
  const served = async (trusted: string | undefined) => {
    const events: ProxyEvent[] = [];
    const upstream = { name: 'registry.test', address: `https://${host}` };
    await using proxy = await serveProxy({
      config: { listen: '127.0.0.1:0', standard: undefined, upstreams: [upstream] },
      ...{ root, dockerConfigDirectory: undefined, caFile: trusted, log: openLog('warn', fd) },
      ...{ peer: undefined, limit: undefined, onRequest: (event) => events.push(event) },
    });
    const answer = await fetch(`http://${proxy?.host}/v2/team/model/manifests/1`);
    await answer.arrayBuffer();
    return { status: answer.status, code: events[0]?.errorCode };
  };
  t.same(await served(caFile), { status: 200, code: undefined });
  t.same(await served(undefined), { status: 502, code: 'ERR_REGISTRY_CLIENT_TLS' });
  const lines = readFileSync(join(root, 'log'), 'utf8').trim().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line)),
    [{ event: 'proxy-request-failed', request: { errorCode: 'ERR_REGISTRY_CLIENT_TLS' } }],
  );
});

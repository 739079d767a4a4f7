/** What anybody gets: a client that has credentials, headers and mirrors at hand and uses none of them. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { parseDigest, parseReference } from '@shoal/oci';
import { serveOnLoopback, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { anonymousHost } from '../src/hosts/anonymous-host.ts';
import { FOR_OTHERS } from '../src/hosts/for-others.ts';
import { PLAIN_HOST } from '../src/hosts/registry-host.ts';
import { createRegistryClient } from '../src/index.ts';

const content = Buffer.from('for those who may');
const digest = parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`);

t.test('nothing that is this host’s own goes out', async (t) => {
  const seen: IncomingMessage[] = [];
  const serve = (isPublic: boolean) =>
    createServer((request, response) => {
      seen.push(request);
      if (isPublic || request.headers.authorization !== undefined) {
        response.writeHead(206, { 'content-range': `bytes 0-0/${content.length}` });
        response.end(content.subarray(0, 1));
      } else response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    });
  const directory = temporaryDirectory(t);
  const ask = async (isPublic: boolean, isAnonymous: boolean) => {
    const registry = await serveOnLoopback(t, serve(isPublic));
    const mirror = await serveOnLoopback(t, serve(true));
    const auth = Buffer.from('me:secret').toString('base64');
    writeFileSync(
      join(directory, 'config.json'),
      JSON.stringify({ auths: { [registry]: { auth } } }),
    );
    const own = join(directory, registry);
    mkdirSync(own);
    writeFileSync(
      join(own, 'hosts.toml'),
      `server = "http://${registry}"\n[header]\nx-own = "secret"\n[host."http://${mirror}"]\n`,
    );
    seen.length = 0;
    const client = createRegistryClient({
      ...{ isAnonymous, hostsDirectories: [directory], dockerConfigDir: directory },
    });
    t.teardown(() => client.close());
    const reference = parseReference(`docker://${registry}/team/app`);
    if (reference.kind !== 'registry') throw new Error('it is one of a registry');
    const store = await client.openSource(reference);
    const descriptor = { mediaType: 'application/octet-stream', digest, size: content.length };
    const outcome = store.readBlobRange(descriptor, 0, 1);
    return { outcome, hosts: () => new Set(seen.map(({ headers }) => headers.host)), registry };
  };
  const refused = await ask(false, true);
  await t.rejects(refused.outcome, { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });
  t.same(refused.hosts(), new Set([refused.registry]), 'no mirror is asked');
  const given = await ask(true, true);
  t.equal((await given.outcome).length, 1);
  t.notOk(seen.some(({ headers }) => headers.authorization ?? headers['x-own']));
  const usual = await ask(false, false);
  t.equal((await usual.outcome).length, 1, 'a usual client gets it from the mirror');
});

t.test('a server that stands for the registry is not the registry', (t) => {
  const url = new URL('http://registry.test:5000/v2');
  const tls = {
    caFiles: ['/ca'],
    clientPairs: [{ certificate: '/c', key: '/k' }],
    insecure: undefined,
  };
  const own = { ...PLAIN_HOST, url, tls, headers: { authorization: 'secret' } };
  t.same(anonymousHost('registry.test:5000', [own]), {
    ...{ ...PLAIN_HOST, url, headers: FOR_OTHERS },
    tls: { caFiles: ['/ca'], clientPairs: [], insecure: undefined },
  });
  const anybody = { ...PLAIN_HOST, headers: FOR_OTHERS };
  t.same(anonymousHost('docker.io', [own]), anybody);
  t.same(anonymousHost('docker.io', []), anybody);
  t.end();
});

/** Names of local addresses: not for URLs that a server elsewhere has named. */
import { createServer } from 'node:http';
import type { LookupFunction } from 'node:net';
import { networkInterfaces } from 'node:os';
import { parseReference, sha256Digest } from '@shoal/oci';
import { openSource, openTarget } from '@shoal/registry-client';
import { serveOnLoopback } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { Connections } from '../src/http/connections.ts';
import { Exchange } from '../src/http/exchange.ts';
import { guardedLookup } from '../src/http/guarded-lookup.ts';
import { isLocalAddress } from '../src/http/local-address.ts';
import { writeBlob } from './support/image-target-suite.ts';

const bytes = Buffer.from('what only this machine may read');
const digest = sha256Digest(bytes);
const blob = { mediaType: 'application/octet-stream', digest, size: bytes.length };

/** Names and what they mean, one answer after the other; the last stays. */
function names(meaning: Readonly<Record<string, string[]>>): LookupFunction {
  return (hostname, options, callback) => {
    const answers = meaning[hostname] ?? [];
    const address = (answers.length > 1 ? answers.shift() : answers[0]) ?? '192.0.2.1';
    const family = address.includes(':') ? 6 : 4;
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

async function openLocal(t: Test) {
  const asked: string[] = [];
  const server = createServer(({ url = '', method }, response) => {
    asked.push(`${method} ${url}`);
    response.end(bytes);
  });
  const { port } = new URL(`http://${await serveOnLoopback(t, server)}`);
  return { port, asked };
}

const quick = { plainHttp: true, retry: { attemptsMax: 1 }, credentialSources: [] };

t.test('addresses of this machine, however they are written', async (t) => {
  const local = ['127.8.8.8', '0.0.0.0', '169.254.169.254', '::1', '::', 'fe80::1', 'fe80::1%eth0'];
  for (const address of [...local, '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a9fe:a9fe']) {
    t.ok(isLocalAddress(address), address);
  }
  for (const address of ['10.0.0.1', '8.8.8.8', 'fd00::1', '::ffff:10.0.0.1', 'localhost', '']) {
    t.notOk(isLocalAddress(address), address);
  }
});

t.test('a registry that is local itself may name local addresses, by any name', async (t) => {
  const local = await openLocal(t);
  const location = `http://storage.test:${local.port}/secret`;
  const port = await listenAt(t, '127.0.0.1', 307, { location });
  const lookup = names({ 'registry.test': ['127.0.0.1'], 'storage.test': ['127.0.0.1'] });
  await using source = await openSource(parseReference(`registry.test:${port}/a/b:v1`), {
    ...quick,
    lookup,
  });
  const read = await source.readBlobRange(blob, 0, bytes.length);
  t.ok(read.equals(bytes), 'by the address that it was reached at');
  t.equal(local.asked.length, 1);
});

function openExchange(t: Test, lookup: LookupFunction) {
  const connections = new Connections({ ...quick, lookup, env: {} });
  t.teardown(() => connections.close());
  return new Exchange(connections, {});
}

t.test('a URL of a server elsewhere is not local, though its name was local before', async (t) => {
  const local = await openLocal(t);
  const url = new URL(`http://storage.test:${local.port}/secret`);
  for (const address of ['127.0.0.1', '0.0.0.0', '::1', '::ffff:127.0.0.1', '169.254.169.254']) {
    const exchange = openExchange(t, names({ 'storage.test': [address] }));
    await t.rejects(
      exchange.send({ method: 'GET', url, mayBeLocal: false }, 1),
      { code: 'ERR_REGISTRY_CLIENT_REDIRECT' },
      address,
    );
  }
  t.same(local.asked, []);
  const exchange = openExchange(t, names({ 'storage.test': ['127.0.0.1'] }));
  const own = await exchange.send({ method: 'GET', url }, 1);
  own.body.resume();
  t.equal(own.status, 200, 'whoever configured it may');
  t.ok(exchange.isLocal(url));
  const named = exchange.send({ method: 'GET', url, mayBeLocal: false }, 1);
  await t.rejects(named, { code: 'ERR_REGISTRY_CLIENT_REDIRECT' }, 'its connection is not used');
  t.equal(local.asked.length, 1);
});

t.test('what was checked is what is connected to', async (t) => {
  const lookup = guardedLookup(
    { isAllowed: (address) => !isLocalAddress(address), refusal: (host) => new Error(host) },
    names({ 'rebinding.test': ['192.0.2.7', '127.0.0.1'] }),
  );
  const looked = () =>
    new Promise((resolve) => {
      lookup('rebinding.test', { all: true }, (error, found) => resolve(error ?? found));
    });
  t.same(await looked(), [{ address: '192.0.2.7', family: 4 }]);
  t.ok((await looked()) instanceof Error, 'and each connection is checked');
});

/** Of this machine, but no loopback, as a stranger's would be; undefined where there is none. */
const strangersAddress = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal, address }) => {
    return family === 'IPv4' && !internal && !isLocalAddress(address);
  })?.address;

/** Answers each request so, at the port. */
async function listenAt(
  t: Test,
  address: string,
  status: number,
  headers: Record<string, string>,
): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status, headers).end());
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const at = server.address();
  return typeof at === 'object' && at !== null ? at.port : 0;
}

t.test('redirects, uploads and token services of a stranger reach nothing local', async (t) => {
  if (strangersAddress === undefined) {
    return void t.pass('needs an address', { skip: 'this machine has none but loopback' });
  }
  const address = strangersAddress;
  const local = await openLocal(t);
  const location = `http://storage.test:${local.port}/secret`;
  const challenge = `Bearer realm="http://storage.test:${local.port}/token",service="x"`;
  const lookup = names({ 'evil.test': [address], 'storage.test': ['127.0.0.1'] });
  for (const [status, headers] of [
    [307, { location }],
    [202, { location }],
    [401, { 'www-authenticate': challenge }],
  ] as const) {
    const port = await listenAt(t, address, status, headers);
    const reference = parseReference(`evil.test:${port}/a/b:v1`);
    const options = { ...quick, lookup };
    await using source = await openSource(reference, options);
    const code = 'ERR_REGISTRY_CLIENT_REDIRECT';
    if (status !== 202) await t.rejects(source.readBlobRange(blob, 0, 5), { code }, `${status}`);
    if (status === 202) {
      await using target = await openTarget(reference, options);
      await t.rejects(writeBlob(target, bytes, blob.mediaType), { code }, 'an upload');
    }
  }
  t.same(local.asked, [], 'nothing got there');
});

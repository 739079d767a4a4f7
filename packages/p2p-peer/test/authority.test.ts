/** A certificate authority of our own: what it issues makes TLS connections, and says who is there. */
import { once } from 'node:events';
import { chmod, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { errorCode } from '@shoal/errors';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { parseHostName } from '../src/identity/host.ts';
import type { IssuedCertificate } from '../src/trust/authority.ts';
import { identityOf } from '../src/trust/certificate-identity.ts';
import {
  createAuthority,
  IdentityFiles,
  identityPathsIn,
  issueCertificate,
  loadTokenKey,
  loadTokenPublicKeys,
  signToken,
  verifyToken,
} from '../src/trust/index.ts';
import { loadTlsIdentity } from '../src/trust/tls-identity.ts';

const directory = await temporaryDirectory(t);
const ca = join(directory, 'ca');
await createAuthority(ca);
const peer = await issueCertificate(ca, {
  host: 'node-1',
  role: 'peer',
  addresses: ['127.0.0.1', '::1', 'node-1.example'],
  days: 2,
});

async function writeIdentity(into: string, { ca, cert, key }: IssuedCertificate): Promise<void> {
  const paths = identityPathsIn(into);
  for (const [file, text] of [
    [paths.ca, ca],
    [paths.cert, cert],
    [paths.key, key],
  ] as const) {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
}

t.test('its files are for their owner, and are not overwritten unasked', async (t) => {
  t.same((await readdir(ca)).toSorted(), ['ca.crt', 'ca.key', 'token.key', 'token.pub']);
  for (const name of await readdir(ca)) t.equal((await stat(join(ca, name))).mode & 0o777, 0o600);
  t.equal((await stat(ca)).mode & 0o777, 0o700);
  const before = await readFile(join(ca, 'ca.key'), 'utf8');
  await t.rejects(createAuthority(ca), { code: 'ERR_P2P_TRUST_FILE_EXISTS' });
  t.equal(await readFile(join(ca, 'ca.key'), 'utf8'), before);
  const other = join(directory, 'replaced');
  await createAuthority(other);
  const first = await readFile(join(other, 'ca.key'), 'utf8');
  await createAuthority(other, { replaces: true, days: 1 });
  t.not(await readFile(join(other, 'ca.key'), 'utf8'), first);
});

t.test('its token keys sign and check', async (t) => {
  const host = parseHostName('node-1');
  const privateKey = await loadTokenKey(join(ca, 'token.key'));
  const publicKeys = await loadTokenPublicKeys([
    join(directory, 'replaced/token.pub'),
    join(ca, 'token.pub'),
  ]);
  t.equal(publicKeys.length, 2);
  const { token, id } = signToken(
    { host, repositories: ['*'], nowMs: 5e9, lifeMs: 1000 },
    privateKey,
  );
  t.equal(verifyToken(token, { publicKeys, host, nowMs: 5e9 }).id, id);
  for (const file of ['ca.key', 'ca.crt', 'absent']) {
    await t.rejects(loadTokenKey(join(ca, file)), { code: 'ERR_P2P_TOKEN_KEY' });
    await t.rejects(loadTokenPublicKeys([join(ca, file)]), { code: 'ERR_P2P_TOKEN_KEY' });
  }
});

t.test('both sides of a connection know each other', async (t) => {
  const seed = await issueCertificate(ca, {
    host: 'seed-1',
    role: 'seed',
    addresses: ['127.0.0.1'],
  });
  const server = createServer({ ...seed, requestCert: true, rejectUnauthorized: true }).listen(
    0,
    '127.0.0.1',
  );
  t.teardown(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const accepted = once(server, 'secureConnection');
  const client = connect({ host: '127.0.0.1', port, ...peer });
  await once(client, 'secureConnect');
  const [socket] = (await accepted) as [TLSSocket];
  t.ok(client.authorized && socket.authorized);
  t.same(identityOf(client.getPeerCertificate()), { host: 'seed-1', role: 'seed' });
  t.same(identityOf(socket.getPeerCertificate()), { host: 'node-1', role: 'peer' });
  t.match(client.getPeerCertificate().subjectaltname, /IP Address:127\.0\.0\.1/);
  client.destroy();
  socket.destroy();

  const stranger = await issueCertificate(join(directory, 'replaced'), {
    host: 'node-1',
    role: 'seed',
    addresses: [],
  });
  const refused = once(server, 'tlsClientError');
  const intruder = connect({
    host: '127.0.0.1',
    port,
    ca: peer.ca,
    cert: stranger.cert,
    key: stranger.key,
  });
  intruder.on('error', () => undefined);
  await refused;
  intruder.destroy();
});

t.test('a certificate does not outlive its authority', async (t) => {
  const short = await issueCertificate(join(directory, 'replaced'), {
    host: 'a',
    role: 'tracker',
    addresses: [],
    days: 100,
  });
  t.ok(short.expiresAtMs <= Date.now() + 24 * 3600_000);
});

t.test('what cannot be issued is refused', async (t) => {
  const right = { host: 'node-1', role: 'peer', addresses: [] } as const;
  const wrong = [
    { ...right, host: '' },
    { ...right, host: 'a/b' },
    { ...right, host: 'a,URI:spiffe://shoal/seed/b' },
    { ...right, addresses: ['a b'] },
    { ...right, addresses: ['x, URI:spiffe://shoal/seed/b'] },
    { ...right, days: 0 },
    { ...right, days: 1.5 },
    { ...right, days: 4000 },
  ];
  for (const request of wrong) {
    await t.rejects(issueCertificate(ca, request), { code: 'ERR_P2P_CERTIFICATE_REQUEST' });
  }
  await t.rejects(issueCertificate(directory, right), { code: 'ERR_P2P_AUTHORITY' });
});

t.test('only one id of ours makes an identity', async (t) => {
  const of = (subjectaltname: string) => identityOf({ subjectaltname });
  t.same(of('DNS:x, URI:spiffe://shoal/peer/a, IP Address:127.0.0.1'), { host: 'a', role: 'peer' });
  const wrong = [
    '',
    'DNS:x',
    'URI:spiffe://shoal/admin/a',
    'URI:spiffe://shoal/peer/',
    'URI:spiffe://shoal/peer/a/b',
    'URI:spiffe://other/peer/a',
    'URI:SPIFFE://shoal/peer/a',
    'URI:spiffe://shoal/peer/a, URI:spiffe://shoal/seed/b',
    'URI:spiffe://shoal/peer/a, URI:"spiffe://other/x\\u002c y"',
    'DNS:"x, URI:spiffe://shoal/seed/evil, y"',
    'URI:"spiffe://shoal/peer/a"',
    'DNS:"x, URI:spiffe://shoal/seed/evil',
    `URI:spiffe://shoal/peer/${'a'.repeat(300)}`,
    'URI:spiffe://shoal/peer/a, '.repeat(10_000),
  ];
  for (const text of wrong) t.equal(of(text), undefined, text.slice(0, 80));
  t.equal(identityOf(undefined), undefined);
});

t.test('files are loaded, checked, and loaded again when they change', async (t) => {
  const own = await temporaryDirectory(t);
  const paths = identityPathsIn(own);
  await writeIdentity(own, peer);
  const problems: unknown[] = [];
  await using files = await IdentityFiles.open(paths, {
    onProblem: (error) => problems.push(error),
    checkMs: 3600_000,
  });
  t.same(files.current.identity, { host: 'node-1', role: 'peer' });
  t.notOk(inspect(files.current).includes('PRIVATE'), 'printing does not show the key');
  t.notOk(
    JSON.stringify(files).includes('PRIVATE') || JSON.stringify(files.current).includes('PRIVATE'),
  );
  t.match(
    { ...files.current },
    { ca: peer.ca, cert: peer.cert, key: peer.key },
    'node:tls gets all of it',
  );

  const renewed = await issueCertificate(ca, { host: 'node-1', role: 'seed', addresses: [] });
  let heard = 0;
  files.onChange(() => {
    heard += 1;
  });
  await rename(paths.cert, `${paths.cert}.old`);
  await writeFile(paths.cert, renewed.cert);
  await files.refresh();
  t.equal(errorCode(problems.at(-1)), 'ERR_P2P_IDENTITY_FILES', 'half of a change is not taken');
  t.notOk(inspect(problems, { depth: 9 }).includes('PRIVATE'));
  t.same(files.current.identity?.role, 'peer');
  await writeFile(paths.key, renewed.key);
  await files.refresh();
  t.same(files.current.identity?.role, 'seed');
  t.equal(heard, 1);
  await files.refresh();
  t.equal(heard, 1, 'nothing changed');
});

t.test('a secret of Kubernetes changes by a link', async (t) => {
  const own = await temporaryDirectory(t);
  const { mkdir } = await import('node:fs/promises');
  for (const name of ['one', 'two']) await mkdir(join(own, name));
  await writeIdentity(join(own, 'one'), peer);
  const renewed = await issueCertificate(ca, { host: 'node-2', role: 'peer', addresses: [] });
  await writeIdentity(join(own, 'two'), renewed);
  await symlink('one', join(own, '..data'));
  for (const name of ['ca.crt', 'tls.crt', 'tls.key'])
    await symlink(`..data/${name}`, join(own, name));
  await using files = await IdentityFiles.open(identityPathsIn(own));
  t.equal(files.current.identity?.host, 'node-1');
  await symlink('two', join(own, '..data.new'));
  await rename(join(own, '..data.new'), join(own, '..data'));
  await files.refresh();
  t.equal(files.current.identity?.host, 'node-2');
});

t.test('files that cannot be used are refused without quoting them', async (t) => {
  const own = await temporaryDirectory(t);
  const paths = identityPathsIn(own);
  await t.rejects(loadTlsIdentity(paths), { code: 'ERR_P2P_IDENTITY_FILES' });
  const secret = peer.key.split('\n')[1] ?? '';
  const cases: readonly Partial<IssuedCertificate>[] = [
    { key: 'nothing' },
    { key: peer.key.replace('\n', '\nx') },
    { key: peer.key + 'x'.repeat(300_000) },
    { cert: '' },
    { cert: peer.key },
    { ca: '-----BEGIN CERTIFICATE-----' },
  ];
  for (const change of cases) {
    await writeIdentity(own, { ...peer, ...change });
    const error: unknown = await loadTlsIdentity(paths).catch((thrown: unknown) => thrown);
    t.equal(errorCode(error), 'ERR_P2P_IDENTITY_FILES');
    t.notOk(inspect(error, { depth: 9, showHidden: true }).includes(secret));
  }
  await writeIdentity(own, peer);
  await chmod(paths.key, 0o600);
  t.ok(await loadTlsIdentity(paths));
});

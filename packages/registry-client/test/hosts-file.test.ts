/** containerd's `certs.d`: which directory counts for a registry, and what its `hosts.toml` says. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { parseGoDuration } from '../src/hosts/go-duration.ts';
import { directoryNames, HostDirectories } from '../src/hosts/host-directory.ts';
import { parseHostsFile } from '../src/hosts/hosts-file.ts';

const parse = (text: string) => parseHostsFile(text, '/d/hosts.toml', '/d');

t.test('durations as Go has them', async (t) => {
  t.equal(parseGoDuration('200ms'), 200);
  t.equal(parseGoDuration('1h30m'), 5_400_000);
  t.equal(parseGoDuration('1.5s'), 1500);
  t.equal(parseGoDuration('0'), 0);
  for (const text of ['', '5', '-1s', '1 s', 's', '1d', `${'1'.repeat(400)}s`]) {
    t.equal(parseGoDuration(text), undefined, text);
  }
});

t.test('servers in their order, with everything that can be said of them', async (t) => {
  const hosts = parse(`
server = "https://registry-1.docker.io"

[host."https://mirror.example:5000"]
  capabilities = ["Pull"]
  ca = "mirror.crt"
  skip_verify = true
  dial_timeout = "200ms"
  override_path = true
  [host."https://mirror.example:5000".header]
    x-custom = ["a", "b"]
    authorization = "Basic x"

[host."second.example/v2/prefix/"]
  ca = ["/etc/a.pem", "b.pem"]
  client = [["c.cert", "c.key"], "both.pem"]

[host."http://10.0.0.1/sub/v2"]
  client = "one.pem"
  unknown = 3
`);
  t.same(
    hosts.map(({ url }) => url?.href),
    [
      'https://mirror.example:5000/',
      'https://second.example/v2/prefix/v2',
      'http://10.0.0.1/sub/v2',
      'https://registry-1.docker.io/v2',
    ],
  );
  const [first, second, third, last] = hosts;
  t.same([...(first?.capabilities ?? [])], ['pull']);
  t.same(first?.headers, { 'x-custom': 'a, b', authorization: 'Basic x' });
  t.same(first?.tls, { caFiles: ['/d/mirror.crt'], clientPairs: [], insecure: true });
  t.equal(first?.connectTimeoutMs, 200);
  t.same(second?.tls.caFiles, ['/etc/a.pem', '/d/b.pem']);
  t.same(second?.tls.clientPairs, [
    { certificate: '/d/c.cert', key: '/d/c.key' },
    { certificate: '/d/both.pem', key: '/d/both.pem' },
  ]);
  t.same(third?.tls.clientPairs, [{ certificate: '/d/one.pem', key: '/d/one.pem' }]);
  t.equal(last?.capabilities.size, 4);
  t.same(
    parse('[host."https://m"]').map(({ url }) => url?.href),
    ['https://m/v2', undefined],
    'without a server the registry itself is the last',
  );
});

t.test('what cannot be used is an error that names the file', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['server = ', /not TOML/],
    ['server = 3', /server/],
    ['[host."https://"]', /not a server/],
    ['[host."ftp://a b"]', /not a server/],
    ['[host."https://u:secret@m"]', /user or password/],
    ['[host."m"]\ncapabilities = ["fly"]', /capabilities/],
    ['[host."m"]\nca = 3', /host\.m\.ca/],
    ['[host."m"]\nclient = [["a","b","c"]]', /host\.m\.client/],
    ['[host."m"]\ndial_timeout = "soon"', /dial_timeout/],
    ['[host."m".header]\n"a b" = "x"', /header/],
    ['[host."m".header]\na = "x\\r\\ny"', /header/],
    [Array.from({ length: 40 }, (_, index) => `[host."m${index}"]`).join('\n'), /more than/],
  ];
  for (const [text, message] of wrong) {
    t.throws(() => parse(text), { code: 'ERR_REGISTRY_CLIENT_HOSTS_FILE', message }, text);
    t.throws(() => parse(text), { message: /\/d\/hosts\.toml/ });
  }
  t.throws(() => parse('[host."https://u:secret@m"]'), { message: /^((?!secret).)*$/ });
});

t.test('which directory counts', async (t) => {
  t.same(directoryNames('r.example'), ['r.example', '_default']);
  t.same(directoryNames('r.example:5000'), ['r.example_5000_', 'r.example:5000', '_default']);
  t.same(directoryNames('[::1]:5000'), ['[::1]_5000_', '[::1]:5000', '_default']);
  const [first, second] = [temporaryDirectory(t), temporaryDirectory(t)];
  const write = (root: string, name: string, files: Readonly<Record<string, string>>) => {
    mkdirSync(join(root, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), text);
  };
  const hosts = (name: string) => ({ 'hosts.toml': `server = "https://${name}"` });
  write(first, 'r.example_5000_', hosts('underscored'));
  write(first, 'r.example:5000', hosts('plain'));
  write(first, 's.example:5000', hosts('colon'));
  write(second, 'r.example', hosts('second-root'));
  write(second, '_default', hosts('default'));
  write(second, 'certs.example', { 'a.crt': 'x', 'b.cert': 'x', 'b.key': 'x', 'c.cert': 'x' });
  write(second, 'empty.example', { 'hosts.toml': '' });
  write(second, 'bad.example', { 'hosts.toml': 'server = ' });
  mkdirSync(join(second, 'dir.example', 'hosts.toml'), { recursive: true });
  const directories = new HostDirectories(['/nonexistent', first, second]);
  const server = async (registry: string) =>
    (await directories.hostsOf(registry))[0]?.url?.hostname;
  t.equal(await server('r.example:5000'), 'underscored');
  t.equal(await server('s.example:5000'), 'colon');
  t.equal(await server('r.example'), 'second-root');
  t.equal(await server('t.example'), 'default');
  t.equal(await server('empty.example'), undefined);
  const certificates = (await directories.hostsOf('certs.example'))[0]?.tls;
  const path = (name: string) => join(second, 'certs.example', name);
  t.same(certificates?.caFiles, [path('a.crt')]);
  t.same(certificates?.clientPairs, [
    { certificate: path('b.cert'), key: path('b.key') },
    { certificate: path('c.cert'), key: path('c.cert') },
  ]);
  await t.rejects(server('bad.example'), { message: /bad\.example\/hosts\.toml/ });
  await t.rejects(server('dir.example'), { message: /dir\.example\/hosts\.toml/ });
});

t.test('a change counts without a restart, a mistake does not', async (t) => {
  const root = temporaryDirectory(t);
  const file = join(root, 'r.example', 'hosts.toml');
  mkdirSync(join(root, 'r.example'));
  const directories = new HostDirectories([root], 0);
  const server = async () => (await directories.hostsOf('r.example'))[0]?.url?.hostname;
  writeFileSync(file, 'server = "one"');
  t.equal(await server(), 'one');
  writeFileSync(file, 'server = "two"');
  t.equal(await server(), 'two');
  writeFileSync(file, 'server = ');
  t.equal(await server(), 'two');
});

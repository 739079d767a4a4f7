/** The configuration file: the commented example is complete, unknown keys are errors. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { decodeConfig, readConfig, readConfigWith } from '../src/config/config.ts';
import { parseMissPolicy } from '../src/config/miss-policy-text.ts';
import { daemonPaths } from '../src/config/paths.ts';

const EXAMPLE = new URL('../../../docs/config.example.toml', import.meta.url);

t.test('nothing written means the defaults', (t) => {
  t.match(decodeConfig(''), {
    root: undefined,
    logLevel: 'info',
    missPolicy: { kind: 'wait' },
    cacheBytesMax: undefined,
  });
  t.end();
});

t.test('the example holds every key, with comments taken away too', (t) => {
  const text = readFileSync(EXAMPLE, 'utf8');
  const { root, run, missPolicy, logLevel } = decodeConfig(text);
  t.same(
    { root, run, missPolicy, logLevel },
    {
      root: '/var/lib/shoal',
      run: '/run/shoal',
      missPolicy: { kind: 'wait' },
      logLevel: 'info',
    },
  );
  const complete = decodeConfig(text.replace(/^# ([a-z_]+ = )/gm, '$1'));
  const missing = Object.entries(complete).filter(([, value]) => value === undefined);
  t.same(missing, [], 'every key of the code is in the example');
  t.end();
});

t.test('where converted images are looked for: everywhere, nowhere, or a list', (t) => {
  const decode = (value: string) =>
    decodeConfig(`[snapshotter]\nfind_converted = ${value}`).findConverted;
  t.equal(decode('false'), false);
  t.same(decode('["a.example:5000", "b.example/team"]'), ['a.example:5000', 'b.example/team']);
  for (const value of ['"a"', '[""]', '["a.example/"]', '["a b"]', '[1]']) {
    t.throws(() => decode(value), { code: 'ERR_NODE_CONFIG', message: /find_converted/ }, value);
  }
  t.end();
});

t.test('what is wrong is named', (t) => {
  const cases = [
    ['nonsense = 1', /unknown key nonsense/],
    ['[cache]\nbytes_mux = 1', /unknown key cache\.bytes_mux/],
    ['[cache]\nbytes_max = "much"', /cache\.bytes_max/],
    ['[cache]\ndirectory = "relative"', /cache\.directory: must be an absolute path/],
    ['[mount]\nmiss_policy = "never"', /mount\.miss_policy: must be 'wait'/],
    ['[log]\nlevel = "loud"', /log\.level/],
    ['[fuse]\nthreads = 0', /fuse\.threads/],
    ['root = ', /is not TOML/],
    ['[registry]\nconfig_path = "certs.d"', /registry\.config_path: must be absolute/],
    ['[registries."a/b"]\nidentity_token_file = "/t"', /registries\.a\/b: .*host/],
    ['[registries."a.example"]\nusername = "u"', /registries\.a\.example: must have username/],
    ['[registries."a.example"]\npassword = "hunter2"', /^((?!hunter2).)*$/],
    ['[peer]\nplain_listen = "0.0.0.0:4011"', /peer\.listen: must be given with plain_listen/],
    ['[peer]\nnode_labels = {}', /peer\.node_labels: must have zone, or rack/],
    ['[peer]\nnode_labels = { zone = "a b" }', /node_labels\.zone: must be the name of a label/],
    ['[peer]\nnode_labels = { rack = "a/b/c" }', /node_labels\.rack: must be the name of a label/],
    ['[peer]\nplain_listen = "nowhere"', /peer\.plain_listen: must be host:port/],
    ['[image_service]\naddress = "/a"\nupstream = "/a"', /image_service\.address: must not be/],
    ['[image_service]\nremember_days = 0', /image_service\.remember_days/],
    ['[image_service]\naddress = "x.sock"', /image_service\.address: must be an absolute path/],
  ] as const;
  for (const [text, message] of cases) {
    t.throws(() => decodeConfig(text, 'x.toml'), { code: 'ERR_NODE_CONFIG', message }, text);
  }
  t.end();
});

t.test('what is wrong is said of the option that said it, or of the file', (t) => {
  const file = join(temporaryDirectory(t), 'config.toml');
  const identity = '/identity';
  const listen = '127.0.0.1:1';
  const cases = [
    ['', { listen: 'x' }, 'ERR_NODE_PEER_OPTION', /^--listen: must be host:port/],
    ['', { listen }, 'ERR_NODE_PEER_OPTION', /^--identity: must be given/],
    ['', { listen: '0.0.0.0:1', identity }, 'ERR_NODE_PEER_OPTION', /^--advertise: /],
    [
      '',
      { listen, identity, trackers: ['x'] },
      'ERR_NODE_PEER_OPTION',
      /^--tracker: must be https/,
    ],
    ['[peer]\nlisten = "x"', { zone: 'z' }, 'ERR_NODE_CONFIG', /toml: peer\.listen: must be host/],
    ['[peer]\nlisten = "x"', { listen: 'y' }, 'ERR_NODE_PEER_OPTION', /^--listen: /],
    ['[log]\nlevel = "x"', { listen, identity }, 'ERR_NODE_CONFIG', /toml: log\.level/],
  ] as const;
  for (const [text, peer, code, message] of cases) {
    writeFileSync(file, text);
    t.throws(() => readConfigWith(file, peer), { code, message }, `${text} ${String(message)}`);
  }
  t.end();
});

t.test('how registries are reached', (t) => {
  const config = decodeConfig(`
[registry]
config_path = "/a:/b"
[registries]
"Index.docker.io" = { username = "u", password = "p" }
"r.example:5000" = { username = "u", password_file = "/f" }
"[::1]:5000" = { identity_token_file = "/t" }
`);
  t.same(config.hostsDirectories, ['/a', '/b']);
  t.same(config.registries, [
    ['docker.io', { kind: 'password', username: 'u', password: 'p' }],
    ['r.example:5000', { kind: 'password-file', username: 'u', file: '/f' }],
    ['[::1]:5000', { kind: 'identity-token-file', file: '/t' }],
  ]);
  t.same(decodeConfig('').hostsDirectories, ['/etc/containerd/certs.d']);
  t.same(decodeConfig('[registry]\nconfig_path = ""').hostsDirectories, []);
  t.end();
});

t.test('names that lead to hosts, and what the environment says of one of them', (t) => {
  const peer = '[peer]\nlisten = "0.0.0.0:4010"\n';
  const env = {
    ...{ SHOAL_PEER_ADVERTISE: '10.0.0.7:4010', SHOAL_PEER_IDENTITY: '/tls/seed-0' },
    ...{ SHOAL_PEER_ZONE: 'a', SHOAL_PEER_RACK: '' },
  };
  const decode = (lines: string, said: NodeJS.ProcessEnv = env) =>
    decodeConfig(`${peer}rack = "r1"\n${lines}`, 'x.toml', said).peer;
  t.match(decode('zone = "b"\ntoken_keys = "/keys/token.pub"'), {
    ...{ advertise: '10.0.0.7:4010', identityDirectory: '/tls/seed-0', zone: 'a', rack: 'r1' },
    ...{ discovery: undefined, tokenKeysFile: '/keys/token.pub' },
  });
  t.same(decode('discovery = { service = "a.b:1" }')?.discovery, {
    ...{ services: ['a.b:1'], servers: [], intervalMs: 15_000 },
  });
  const servers = 'interval_seconds = 2, servers = ["10.0.0.1", "[fd00::1]:53"]';
  t.same(decode(`discovery = { seeds_service = "s", ${servers} }`)?.discovery, {
    ...{ services: ['s'], servers: ['10.0.0.1', '[fd00::1]:53'], intervalMs: 2000 },
  });
  t.equal(decodeConfig('', 'x.toml', env).peer, undefined, 'it makes no host share');
  t.throws(() => decode('', {}), { message: /peer\.advertise: must be given/ });
  t.throws(() => decode('', { ...env, SHOAL_PEER_ADVERTISE: 'x' }), { message: /host:port/ });
  for (const [table, message] of [
    ['{}', /peer\.discovery: must have service/],
    ['{ service = "a b" }', /peer\.discovery\.service: must be the full name/],
    ['{ service = "a", servers = ["dns.example"] }', /discovery\.servers.*IP address/],
    ['{ service = "a", interval_seconds = 0 }', /discovery\.interval_seconds/],
  ] as const) {
    t.throws(() => decode(`discovery = ${table}`), { code: 'ERR_NODE_CONFIG', message }, table);
  }
  t.end();
});

t.test('a file that was asked for must be there', (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'config.toml');
  t.throws(() => readConfig(file), { code: 'ERR_NODE_CONFIG', message: /ENOENT/ });
  writeFileSync(file, '[log]\nlevel = "debug"\n');
  t.equal(readConfig(file).logLevel, 'debug');
  mkdirSync(join(directory, 'directory'));
  t.throws(() => readConfig(join(directory, 'directory')), { code: 'ERR_NODE_CONFIG' });
  t.end();
});

t.test('miss policies as text', (t) => {
  t.same(parseMissPolicy('wait'), { kind: 'wait' });
  t.same(parseMissPolicy('fail'), { kind: 'fail' });
  t.same(parseMissPolicy('1500ms'), { kind: 'deadline', timeoutMs: 1500 });
  t.same(parseMissPolicy('2m'), { kind: 'deadline', timeoutMs: 120_000 });
  for (const text of ['', '30', 's', '-1s', '0s', '1d', '99h', 'waiting', '1.5s']) {
    t.equal(parseMissPolicy(text), undefined, text);
  }
  t.end();
});

t.test('paths: options, then the environment, then the configuration, then the defaults', (t) => {
  const env = { SHOAL_ROOT: '/a', SHOAL_RUN: '' };
  t.same(daemonPaths({ run: '/c' }, env), {
    root: '/a',
    run: '/c',
    socket: '/c/shoal.sock',
    log: '/c/shoal.log',
  });
  t.match(daemonPaths({}, env), { root: '/a', run: '/run/shoal' });
  t.match(daemonPaths({ root: '/x' }, env), { root: '/x' });
  t.match(daemonPaths({}, env, { root: '/y', run: '/z' }), { root: '/a', run: '/z' });
  t.end();
});

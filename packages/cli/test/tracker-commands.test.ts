/** `shoal ca` and `shoal tracker`, as the real program: certificates it makes let hosts in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PreheatProgress, peerIdOf, TrackerClient } from '@shoal/p2p-peer';
import { parseHostName } from '@shoal/p2p-peer/host';
import {
  IdentityFiles,
  identityPathsIn,
  loadTokenPublicKeys,
  verifyToken,
} from '@shoal/p2p-peer/trust';
import { temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { SHOAL, shoalHere } from './support/shoal.ts';

t.setTimeout(200_000);
const TOKEN = ['ca', 'token', '--host', 'node-1', '--repository', 'r/a/*', '--out', 'nowhere'];

t.test(
  'a cluster from nothing: authority, certificates, tracker, a host that gets a token',
  async (t) => {
    const directory = temporaryDirectory(t);
    const ca = join(directory, 'ca');
    const made = await shoalHere('ca', 'init', '--dir', ca, '--json');
    t.match(made, { exitCode: 0, stderr: '' });
    t.match(JSON.parse(made.stdout), { directory: ca });
    const again = await shoalHere('ca', 'init', '--dir', ca);
    t.match(again, { exitCode: 1, stderr: /^shoal ca: .*exists and is not overwritten\. .+\.\n$/ });
    const out = (name: string) => join(directory, name);
    const issue = (host: string, role: string) =>
      shoalHere(
        'ca',
        'issue',
        '--dir',
        ca,
        '--host',
        host,
        '--role',
        role,
        '--address',
        '127.0.0.1',
        '--out',
        out(host),
      );
    t.match(await issue('tracker-1', 'tracker'), {
      exitCode: 0,
      stdout: /^tracker tracker-1: .*valid until 20/,
    });
    t.match(await issue('node-1', 'peer'), { exitCode: 0 });
    t.same(readdirSync(out('node-1')).toSorted(), ['ca.crt', 'tls.crt', 'tls.key', 'token.pub']);
    t.same(readdirSync(out('tracker-1')).toSorted(), [
      'ca.crt',
      'tls.crt',
      'tls.key',
      'token.key',
      'token.pub',
    ]);
    for (const name of readdirSync(out('node-1'))) {
      t.equal(statSync(join(out('node-1'), name)).mode & 0o777, 0o600, name);
    }

    writeFileSync(out('admin'), `${'a'.repeat(32)}\n`);
    const child = spawn(
      SHOAL,
      [
        'tracker',
        '--json',
        '--listen',
        '127.0.0.1:0',
        '--page-listen',
        '127.0.0.1:0',
        '--tls',
        out('tracker-1'),
        '--token-key',
        join(out('tracker-1'), 'token.key'),
        '--admin-token',
        out('admin'),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    t.teardown(() => child.kill('SIGKILL'));
    let printed = '';
    child.stdout.on('data', (data: Buffer) => {
      printed += data.toString();
    });
    await until('it says where it listens', () => printed.includes('}'));
    const { tls, page } = JSON.parse(printed);
    await using identity = await IdentityFiles.open(identityPathsIn(out('node-1')));
    const own = () => ({ zone: '', rack: '', address: '127.0.0.1:1' });
    await using client = new TrackerClient({
      trackers: [`https://${tls}`],
      identity,
      own,
      timeoutMs: 60_000,
    });
    const token = await client.fetchToken();
    t.match(token?.token, /^v1\./);
    const preheat = ['preheat', 'registry.example/app:1', '--tracker', `http://${page}`];
    const admin = ['--admin-token', out('admin')];
    t.match(await shoalHere(...preheat, ...admin), { exitCode: 1, stdout: /: 0 hosts/ });
    // Carries out what it is told: the first order, not the second.
    const done = { reference: 'registry.example/app:1', state: 'done' } as const;
    const orders = hostLoop(client, done);
    t.teardown(orders.stop);
    await until('the host is known', async () => orders.reports() > 0);
    const outcome = await shoalHere(...preheat, ...admin, '--json');
    t.match(outcome, { exitCode: 0, stderr: '' });
    t.match(JSON.parse(outcome.stdout), { hosts: [{ host: 'node-1', state: 'done' }] });
    const failing = ['preheat', 'registry.example/no:1', ...preheat.slice(2)];
    const failed = await shoalHere(...failing, ...admin);
    t.match(failed, { exitCode: 1, stdout: /node-1 {2}failed, .*: no such image/ });
    writeFileSync(out('other'), 'b'.repeat(32));
    const refused = await shoalHere(...preheat, '--admin-token', out('other'));
    t.match(refused, { exitCode: 1, stderr: /does not take the token/ });
    t.notOk(refused.stderr.includes('bbbb'));
    orders.stop();
    const answer = await fetch(`http://${page}/v1/swarm`);
    t.equal(answer.status, 200);
    await answer.body?.cancel();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    t.equal(code, 0);
    const key = readFileSync(join(ca, 'ca.key'), 'utf8').split('\n')[1] ?? '';
    t.notOk(printed.includes(key));
  },
);

/** Reports as a host does, and says what has become of each order. */
function hostLoop(
  client: TrackerClient,
  done: { readonly reference: string; readonly state: 'done' },
) {
  const progress = new Map<string, PreheatProgress>();
  let reports = 0;
  let isStopped = false;
  const round = async () => {
    const answers = await client.report({
      ...{ version: 'test', peerId: peerIdOf(parseHostName('node-1')), zone: '', rack: '' },
      ...{ address: '127.0.0.1:1', rates: NO_RATES, blobs: [] },
      preheats: [...progress.values()],
    });
    reports += answers.length;
    for (const { id, reference } of answers.flatMap(({ preheats }) => preheats)) {
      const common = { id, reference, bytesDone: 5, bytesTotal: 5 };
      if (reference === done.reference) progress.set(id, { ...common, state: 'done' });
      else progress.set(id, { ...common, state: 'failed', message: 'no such image' });
    }
    if (!isStopped) setTimeout(() => void round(), 200);
  };
  void round();
  return {
    reports: () => reports,
    stop: () => {
      isStopped = true;
    },
  };
}

const PREHEAT = [
  'preheat',
  'r.example/a:1',
  '--tracker',
  'http://127.0.0.1:1',
  '--admin-token',
  '/none',
];

const NO_RATES = { local: 0, rack: 0, zone: 0, other: 0, origin: 0, upload: 0 };

t.test('a token for a cluster without a tracker', async (t) => {
  const directory = temporaryDirectory(t);
  const ca = join(directory, 'ca');
  await shoalHere('ca', 'init', '--dir', ca);
  const made = await shoalHere(...TOKEN, '--dir', ca, '--repository', 'r/b', '--out', directory);
  t.match(made, { exitCode: 0, stdout: /^token of node-1: .*valid until 20/, stderr: '' });
  const text = readFileSync(join(directory, 'token'), 'utf8').trim();
  t.equal(statSync(join(directory, 'token')).mode & 0o777, 0o600);
  t.notOk(made.stdout.includes(text.slice(-20)), 'it is only in its file');
  const publicKeys = await loadTokenPublicKeys([join(ca, 'token.pub')]);
  const grant = verifyToken(text, { publicKeys, host: parseHostName('node-1'), nowMs: Date.now() });
  t.same(grant.repositories, ['r/a/*', 'r/b']);
  const again = await shoalHere(...TOKEN, '--dir', ca, '--out', directory);
  t.match(again, { exitCode: 1, stderr: /is not overwritten/ });
  const wrong = await shoalHere(...TOKEN, '--dir', ca, '--repository', 'a/b*', '--out', directory);
  t.match(wrong, { exitCode: 2, stderr: /a repository is malformed/ });
});

t.test('wrong use ends with 2', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'short'), 'x');
  const ca = join(directory, 'ca');
  const tls = join(directory, 'tls');
  await shoalHere('ca', 'init', '--dir', ca);
  const issue = ['ca', 'issue', '--dir', ca, '--host', 'a', '--role', 'tracker', '--out', tls];
  t.equal((await shoalHere(...issue)).exitCode, 0);
  const tracker = ['tracker', '--tls', tls];
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['ca'], /missing required argument/],
    [['ca', 'burn'], /Allowed choices are init, issue, token/],
    [['ca', 'token'], /token needs --host, --repository and --out/],
    [[...TOKEN, '--days', '8'], /7 days at most/],
    [[...TOKEN, '--dir', directory], /not a key for tokens: .*cannot be read/],
    [['ca', 'issue'], /issue needs --host, --role and --out/],
    [['ca', 'init', '--days', '0'], /whole number from 1 to 3650/],
    [
      ['ca', 'issue', '--dir', directory, '--host', 'a', '--role', 'peer', '--out', 'x'],
      /no certificate authority/,
    ],
    [['ca', 'issue', '--host', 'a b', '--role', 'peer', '--out', 'x'], /names no host/],
    [['tracker', '--tls', directory], /cannot be read \(ENOENT\)/],
    [['tracker', '--listen', 'x'], /Give host:port/],
    [['tracker', '--grant', 'x'], /HOSTS=RULE/],
    [[...tracker, '--admin-token', join(directory, 'short')], /holds no token/],
    [[...tracker, '--grant', 'a b=*'], /a b is no pattern of hosts/],
    [[...tracker, '--grant', '*=a*'], /a\* names no repositories/],
    [[...tracker, '--public', '/x'], /\/x names no repositories/],
    [[...PREHEAT, '--percent', '10', '--count', '2'], /--percent and --count exclude each other/],
    [[...PREHEAT, '--nodes', 'a', '--count', '2'], /--nodes and --count exclude each other/],
    [[...tracker, '--listen', '192.0.2.1:1'], /cannot listen at 192\.0\.2\.1:1 \(EADDRNOTAVAIL\)/],
  ];
  for (const [args, message] of cases) {
    const { exitCode, stderr, stdout } = await shoalHere(...args);
    t.match(
      { exitCode, stdout, stderr },
      { exitCode: 2, stdout: '', stderr: message },
      args.join(' '),
    );
    t.equal(stderr.split('\n').length, 2, 'one line');
  }
});

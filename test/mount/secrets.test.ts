/**
 * No secret gets out: real daemons and a tracker that know all kinds of them mount, mirror, get, share and refuse at
 * the lowest log level; then every file that they wrote, and everything that they say, is searched for each of them.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { requireMounts, requireTool, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { peerOf } from '../support/peer-world.ts';
import { SecretScan } from '../support/secret-scan.ts';
import {
  openSecretWorld,
  type SecretHost,
  type SecretWorld,
  USER,
} from '../support/secret-world.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.setTimeout(600_000);

/** What was said, by who said it. */
type Said = Map<string, string>;

if (requireMounts(t) && requireTool(t, 'docker-registry', 'openssl')) {
  t.test('secrets are in no log, state, status or message', async (t) => {
    const world = await openSecretWorld(t);
    const said: Said = new Map();
    for (const host of world.hosts) {
      await until('it has a token', async () => (await peerOf(host)).hasToken);
    }
    await mountAll(t, world, said);
    await readFromBrokenStore(t, world, said);
    await pullThroughMirror(t, world);
    await getFiles(t, world, said);
    await useApi(t, world, said);
    await askTracker(t, world, said);
    for (const host of world.hosts) await tell(host, said);
    const scan = new SecretScan(sentSecrets(world));
    t.same(searched(scan, world, said), [], 'nothing is found');
    seesWhatIsThere(t, scan, world);
  });
}

/** By password, by identity token, with a signature that ends, and refused. */
async function mountAll(t: Test, world: SecretWorld, said: Said): Promise<void> {
  const { fronts, source } = world;
  for (const host of world.hosts) {
    for (const name of ['password', 'identity'] as const) {
      const mountpoint = host.mountpoint(name);
      const reference = `${fronts[name].host}/team/image:v1`;
      await host.mount({ reference, mountpoint, source: {}, missPolicy: { kind: 'fail' } });
      for (const file of ['first', 'second']) {
        const expected = digestOfFile(join(source, file));
        t.equal(await digestBySha256sum(join(mountpoint, file)), expected, `${name} ${file}`);
        fronts[name].expireAll();
      }
    }
    const args = ['mount', `${fronts.refused.host}/team/image:v1`, host.mountpoint('refused')];
    const { exitCode, stderr } = await tryShoal(args, { env: host.daemon.env });
    t.not(exitCode, 0, 'a wrong password mounts nothing');
    said.set(`refused mount of ${host.home}`, stderr);
  }
  t.same(fronts.password.leaked, []);
}

/** Errors of connections know the URL they were for, with its signature. */
async function readFromBrokenStore(t: Test, world: SecretWorld, said: Said): Promise<void> {
  const { fronts, dockerConfig, hosts } = world;
  const [{ daemon, directory, mountpoint, status }] = hosts;
  for (const front of Object.values(fronts)) front.isStoreBroken = true;
  t.equal(await digestBySha256sum(join(mountpoint('password'), 'gap')), undefined, 'it fails');
  const { mounts } = await status();
  const reasons = mounts.flatMap(({ blobs }) => blobs.map(({ lastError }) => lastError?.reason));
  t.match(reasons.join(), 'localhost', 'and the status says where');
  const what = `${fronts.password.host}/team/image:v1:/gap`;
  const outcome = await tryShoal(['get', what, '--direct', '-o', join(directory, 'got-nothing')], {
    env: { ...daemon.env, DOCKER_CONFIG: dockerConfig, SHOAL_DEBUG: '1' },
  });
  t.not(outcome.exitCode, 0);
  said.set('get from a broken store', `${outcome.stdout}\n${outcome.stderr}`);
  for (const front of Object.values(fronts)) front.isStoreBroken = false;
}

async function pullThroughMirror(t: Test, world: SecretWorld): Promise<void> {
  const { fronts, realm, secrets } = world;
  const scope = 'service=shoal-test-registry&scope=repository:team/image:pull';
  const basic = Buffer.from(`${USER}:${secrets.get('password')}`).toString('base64');
  const authorization = `Basic ${basic}`;
  const answer = await fetch(`${realm}?${scope}`, { headers: { authorization } });
  const { token }: { token: string } = JSON.parse(await answer.text());
  for (const host of world.hosts) {
    const mirror = (await host.status()).proxy?.address;
    const manifest = `http://${mirror}/v2/team/image/manifests/v1`;
    const pull = async (url: string, sent: Record<string, string>) => {
      const headers = { accept: 'application/vnd.oci.image.manifest.v1+json', ...sent };
      const response = await fetch(url, { headers });
      return { status: response.status, body: await response.text() };
    };
    for (const [front, sent] of [
      [fronts.password, { authorization: `Bearer ${token}` }],
      [fronts.identity, {}],
    ] as const) {
      const { status, body } = await pull(`${manifest}?ns=${front.host}`, sent);
      t.equal(status, 200, body);
      const { layers }: { layers: { digest: string }[] } = JSON.parse(body);
      for (const { digest } of layers) {
        const blob = `http://${mirror}/v2/team/image/blobs/${digest}?ns=${front.host}`;
        t.equal((await pull(blob, sent)).status, 200);
      }
    }
    const wrong = { authorization: `Basic ${Buffer.from('x:refused').toString('base64')}` };
    const asked = `${manifest}?ns=${fronts.password.host}`;
    t.not((await pull(asked, wrong)).status, 200);
    t.not((await pull(`${asked}&access_token=${token}`, {})).status, 200);
  }
}

async function getFiles(t: Test, world: SecretWorld, said: Said): Promise<void> {
  const { web, fronts, dockerConfig, secrets, hosts } = world;
  for (const host of hosts.slice(1)) {
    const env = { ...host.daemon.env, DOCKER_CONFIG: dockerConfig };
    const get = async (name: string, what: string, ...more: string[]) => {
      const to = join(host.directory, `got-${name}`);
      const outcome = await tryShoal(['get', what, '-o', to, ...more], { env });
      said.set(`get ${name} of ${host.home}`, `${outcome.stdout}\n${outcome.stderr}`);
      return outcome;
    };
    const image = `${fronts.password.host}/team/image:v1:/first`;
    t.match(await get('image', image, '--json'), { exitCode: 0 });
    t.match(await get('signed', web.signed, '--json'), { exitCode: 0 });
    t.match(await get('redirected', web.redirecting), { exitCode: 0 });
    const wrong = encodeURIComponent(secrets.get('refused password') ?? '');
    t.not((await get('wrong', `http://${web.host}/file.bin?signature=${wrong}`)).exitCode, 0);
    t.not((await get('user', `http://ann:${wrong}@${web.host}/file.bin`)).exitCode, 0);
    t.not((await get('host', `${fronts.refused.host}/team/image:v1:/first`)).exitCode, 0);
  }
}

async function useApi(t: Test, world: SecretWorld, said: Said): Promise<void> {
  const { web, fronts, secrets } = world;
  for (const host of world.hosts) {
    const address = (await host.status()).api?.address;
    const ask = async (token: string, what: string, target: string) => {
      const response = await fetch(`http://${address}/v1/gets`, {
        ...{ method: 'POST', body: JSON.stringify({ what, target }) },
        headers: { authorization: `Bearer ${token}` },
      });
      said.set(`API of ${host.home} ${target}`, await response.text());
      return response.status;
    };
    const token = secrets.get('API token') ?? '';
    t.equal(await ask(secrets.get('refused password') ?? '', web.signed, 'x'), 401);
    t.equal(await ask(token, web.signed, 'signed'), 201);
    t.equal(await ask(token, web.redirecting, 'redirected'), 201);
    t.equal(await ask(token, `${web.signed}0`, 'refused'), 201);
    t.equal(await ask(token, `${fronts.password.host}/team/image:v1:/first`, 'first'), 201);
    const headers = { authorization: `Bearer ${token}` };
    await until('all gets are over', async () => {
      const views = await (await fetch(`http://${address}/v1/gets`, { headers })).text();
      said.set(`gets of ${host.home}`, views);
      const { gets }: { gets: { endedAt?: string }[] } = JSON.parse(views);
      return gets.length === 4 && gets.every(({ endedAt }) => endedAt !== undefined);
    });
  }
}

async function askTracker(t: Test, world: SecretWorld, said: Said): Promise<void> {
  const { tracker, adminTokenFile, fronts, hosts } = world;
  const args = ['preheat', `${fronts.password.host}/team/image:v1`, '--tracker', tracker.page];
  for (const file of [adminTokenFile, join(hosts[0].home, 'secrets', 'API-token')]) {
    const { exitCode, stdout, stderr } = await tryShoal([...args, '--admin-token', file]);
    t.equal(exitCode === 0, file === adminTokenFile, stderr);
    said.set(`preheat with ${file}`, `${stdout}\n${stderr}`);
  }
  for (const path of ['/v1/swarm', '/metrics']) {
    said.set(`tracker ${path}`, await (await fetch(`${tracker.page}${path}`)).text());
  }
}

/** What a host tells of itself. */
async function tell(host: SecretHost, said: Said): Promise<void> {
  const { env } = host.daemon;
  const commands = [['status', '--json'], ['status'], ['doctor', '--json']];
  for (const name of ['password', 'identity']) commands.push(['trace', host.mountpoint(name)]);
  for (const args of commands) {
    const { stdout, stderr } = await tryShoal(args, { env: { ...env, SHOAL_DEBUG: '1' } });
    said.set(`${args.join(' ')} of ${host.home}`, `${stdout}\n${stderr}`);
  }
  const socketPath = join(host.daemon.run, 'shoal.sock');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({ socketPath, path: '/metrics' }, (response) => {
    text(response).then(resolve, reject);
  });
  asked.on('error', reject);
  asked.end();
  said.set(`metrics of ${host.home}`, await promise);
}

/** Those of the world, and what was given or sent meanwhile: signatures, bearer tokens, passwords in base64. */
function sentSecrets(world: SecretWorld): ReadonlyMap<string, string> {
  const secrets = new Map(world.secrets);
  for (const front of Object.values(world.fronts)) {
    for (const one of front.signatures) secrets.set(`signature ${one.slice(0, 8)}`, one);
    for (const sent of front.authorizations) {
      const [scheme, value = ''] = sent.split(' ');
      secrets.set(`${scheme} to ${front.host}, ${secrets.size}`, value);
    }
  }
  return secrets;
}

/** Everything that programs wrote and said, but for the files that secrets are read from. */
function searched(scan: SecretScan, world: SecretWorld, said: Said): readonly string[] {
  const found = [...said].flatMap(([where, words]) => scan.text(where, words));
  for (const { home, directory } of world.hosts) {
    const own = ['tls', 'secrets', 'config.toml', 'files'].map((name) => join(home, name));
    found.push(...scan.files(home, own), ...scan.files(directory, [join(directory, 'mnt')]));
  }
  return [...found, ...scan.text('the tracker', world.tracker.program.log())];
}

/** What was searched has what it should, and the search finds what is where it may be. */
function seesWhatIsThere(t: Test, scan: SecretScan, world: SecretWorld): void {
  for (const { home, daemon } of world.hosts) {
    const log = readFileSync(join(daemon.run, 'shoal.log'), 'utf8');
    t.match(log, /"event":"mounted"/);
    t.match(readFileSync(join(home, 'wire.jsonl'), 'utf8'), /"host"|"peer"/, 'wires were opened');
    const found = scan.files(home).join('\n');
    for (const name of ['password', 'identity token', 'API token', 'TLS key', 'token', 'refused']) {
      t.match(found, new RegExp(`: ${name}[^:]*, as it is:`), `${name} is found where it is kept`);
    }
  }
  const password = world.secrets.get('password') ?? '';
  for (const user of ['', 'a', 'ab', 'abc']) {
    const sent = Buffer.from(`${user}:${password}:x`).toString('base64');
    t.match(scan.text('x', `{"a":"${sent}"}`), [/password, in base64/], `behind "${user}:"`);
  }
  const escaped = encodeURIComponent(password);
  t.match(scan.text('x', `http://h/?a=${escaped}&b`), [/password, percent-encoded/]);
  t.match(scan.text('x', 'authorization: Bearer abcdefghijklmn'), [/an authorization/]);
}

/**
 * No secret gets out: real daemons and a tracker that know all kinds of them mount, mirror, get, share and refuse at
 * the lowest log level; then every file that they wrote, and everything that they say, is searched for each of them.
 */
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { requireMounts, requireTool, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { peerOf } from '../support/peer-world.ts';
import { USER } from '../support/registry-user.ts';
import type { SecretHost } from '../support/secret-host.ts';
import { type Said, scanFor, searched, seesWhatIsThere } from '../support/secret-search.ts';
import { openSecretWorld, type SecretWorld } from '../support/secret-world.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.setTimeout(600_000);

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
    const scan = scanFor(world);
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
  const args = ['preheat', `${fronts.password.host}/team/image:v1`, '--tracker', tracker.pageUrl];
  for (const file of [adminTokenFile, join(hosts[0].home, 'secrets', 'API-token')]) {
    const { exitCode, stdout, stderr } = await tryShoal([...args, '--admin-token', file]);
    t.equal(exitCode === 0, file === adminTokenFile, stderr);
    said.set(`preheat with ${file}`, `${stdout}\n${stderr}`);
  }
  for (const path of ['/v1/swarm', '/metrics']) {
    said.set(`tracker ${path}`, await (await fetch(`${tracker.pageUrl}${path}`)).text());
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

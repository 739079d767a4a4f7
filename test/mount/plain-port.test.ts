/**
 * The plain port of a daemon whose registry wants a password: to strangers there is nothing. Of one that wants none
 * there is what a get has fetched.
 */
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { digestHex, sha256Digest } from '@shoal/oci';
import {
  buildLayout,
  noise,
  pushArtifact,
  requireMounts,
  requireTool,
  runChecked,
  type TestScope,
  temporaryDirectory,
  until,
  writeTar,
} from '@shoal/test-kit';
import { startDockerRegistry } from '@shoal/test-kit/registry/docker-registry';
import t from 'tap';
import { infohashOf } from '../support/layer-torrent.ts';
import {
  digestBySha256sum,
  digestOfFile,
  type MountWorld,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { PeerAuthority, peerConfigText, writePlainHttp } from '../support/peer-authority.ts';
import { peerOf } from '../support/peer-world.ts';
import { runShoal } from '../support/shoal-command.ts';

t.setTimeout(300_000);

const FILES = { file: 2_000_000 };

/** What a stranger hears who asks for a torrent: nothing but the end. */
async function bytesHeard(port: number, infohash: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  let heard = 0;
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.length;
  });
  const protocol = Buffer.from('\u0013BitTorrent protocol\0\0\0\0\0\u0010\0\u0004', 'latin1');
  socket.write(Buffer.concat([protocol, Buffer.from(infohash, 'hex'), Buffer.alloc(20, 'x')]));
  await once(socket, 'close');
  return heard;
}

/** A daemon that mirrors the registry, and has a port for standard clients. */
async function startHost(t: TestScope, home: string, registryHost: string): Promise<MountWorld> {
  const authority = await PeerAuthority.open(join(home, 'authority'));
  await authority.admit(home, 'a', 'peer');
  writePlainHttp(home, registryHost);
  const configFile = join(home, 'config.toml');
  const known = { home, listen: '127.0.0.1:0', seeds: [], registryHost, isMirror: true };
  const more = ['plain_listen = "127.0.0.1:0"', 'plain_fetch = true'];
  writeFileSync(configFile, peerConfigText({ ...known, more }));
  const world = mountWorld(t, { configFile });
  await world.start();
  await until('it has a token', async () => (await peerOf(world)).hasToken);
  return world;
}

t.test('an image that takes a password is shared with hosts, and with nobody else', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'htpasswd')) return;
  const registry = await startDockerRegistry(t, { htpasswd: { me: 'secret' } });
  const home = temporaryDirectory(t);
  const docker = join(home, 'docker');
  mkdirSync(docker);
  const auth = Buffer.from('me:secret').toString('base64');
  const logins = JSON.stringify({ auths: { [registry.host]: { auth } } });
  writeFileSync(join(docker, 'config.json'), logins, { mode: 0o600 });
  const source = join(home, 'source');
  writeFiles(source, FILES);
  const reference = `${registry.host}/secret/app:1`;
  const env = { ...process.env, DOCKER_CONFIG: docker };
  const images = ['--source', `dir:${source}`, '--target', reference, '--torrent'];
  await runShoal(['convert', '--plain-http', ...images], { env });
  const inspected = await runShoal(['inspect', '--plain-http', reference], { env });
  const [, infohash = ''] = /infohash: ([0-9a-f]{40})/.exec(inspected.stdout) ?? [];
  t.equal(infohash.length, 40);

  const world = await startHost(t, home, registry.host);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint, source: { dockerConfigDirectory: docker } });
  t.equal(await digestBySha256sum(join(mountpoint, 'file')), digestOfFile(join(source, 'file')));
  await until('its registry was asked', async () => (await peerOf(world)).plain?.refused === 1);
  const { plain, store } = await peerOf(world);
  t.ok(store.bytes + store.bytesLent > 1_000_000, 'hosts could have it');
  t.match(plain, { offered: 0, blobs: [], wires: 0 });
  const port = plain?.port ?? 0;
  t.equal(await bytesHeard(port, infohash), 0);
  t.equal(await bytesHeard(port, 'ab'.repeat(20)), 0, 'as of one that nobody has');
  const shown = await runShoal(['status'], { env: { ...env, ...world.daemon.env } });
  t.match(
    shown.stdout,
    /standard clients at port \d+: 0 wires, 0 B sent, 0 public blobs with a torrent, 1 blobs not public/,
  );
});

t.test('a layer that the mirror gives to those who have a password', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'htpasswd', 'skopeo')) return;
  const registry = await startDockerRegistry(t, { htpasswd: { me: 'secret' } });
  const home = temporaryDirectory(t);
  const tar = writeTar([{ name: 'file', content: noise(2_000_000, 'private') }]);
  const layers = [{ tar, compression: 'none' as const }];
  const layout = buildLayout({ directory: join(home, 'layout'), layers });
  const skopeo = ['copy', '--quiet', '--src-tls-verify=false', '--dest-tls-verify=false'];
  const push = ['--preserve-digests', '--dest-creds', 'me:secret', `oci:${layout}:latest`];
  await runChecked('skopeo', [...skopeo, ...push, `docker://${registry.host}/secret/plain:1`]);
  const world = await startHost(t, home, registry.host);
  const { proxy } = await world.status();
  const from = `docker://${proxy?.address}/secret/plain:1`;
  const pulled = join(home, 'pulled');
  await runChecked('skopeo', [...skopeo, '--src-creds', 'me:secret', from, `dir:${pulled}`]);
  t.ok(readFileSync(join(pulled, digestHex(sha256Digest(tar)))).equals(tar));
  // The layer, and the configuration.
  await until('its registry was asked', async () => (await peerOf(world)).plain?.refused === 2);
  const { plain, store } = await peerOf(world);
  t.ok(store.bytes >= tar.length, 'hosts could have it');
  t.match(plain, { offered: 0, blobs: [], wires: 0 });
  t.equal(await bytesHeard(plain?.port ?? 0, infohashOf(tar)), 0);
});

t.test('a file that a get has fetched from where anybody reads it', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  const registry = await startDockerRegistry(t);
  const home = temporaryDirectory(t);
  const content = noise(3_000_000, 'public');
  const reference = `${registry.host}/public/model:1`;
  await pushArtifact(reference, [{ title: 'model', content }]);
  const world = await startHost(t, home, registry.host);
  const to = ['-o', `${home}/to/`, '--run', world.daemon.run, '--json'];
  const { stdout } = await runShoal(['get', '--plain-http', reference, ...to]);
  t.match(JSON.parse(stdout), { via: 'daemon' });
  await until('it is offered', async () => (await peerOf(world)).plain?.offered === 1);
  const { plain } = await peerOf(world);
  t.match(plain?.blobs, [{ infohash: infohashOf(content), heldBytes: content.length }]);
  t.ok((await bytesHeard(plain?.port ?? 0, 'ab'.repeat(20))) === 0);
});

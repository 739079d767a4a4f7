/** The plain port of a daemon whose registry wants a password: to strangers there is nothing. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { requireMounts, requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import { startDockerRegistry } from '@shoal/test-kit/registry/docker-registry';
import t from 'tap';
import {
  digestBySha256sum,
  digestOfFile,
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

  const authority = await PeerAuthority.open(join(home, 'authority'));
  await authority.admit(home, 'a', 'peer');
  writePlainHttp(home, registry.host);
  const configFile = join(home, 'config.toml');
  const known = { home, listen: '127.0.0.1:0', seeds: [], registryHost: registry.host };
  const more = ['plain_listen = "127.0.0.1:0"', 'plain_fetch = true'];
  writeFileSync(configFile, peerConfigText({ ...known, more }));
  const world = mountWorld(t, { configFile });
  await world.start();
  await until('it has a token', async () => (await peerOf(world)).hasToken);
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

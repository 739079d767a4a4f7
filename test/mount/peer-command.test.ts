/** `shoal peer`: a seed that mounts nothing, between a registry and a daemon that reads. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noise, pushArtifact, requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { mountWorld } from '../support/mounted-image.ts';
import { PeerAuthority, peerConfigText, seedText } from '../support/peer-authority.ts';
import { startPeerCommand } from '../support/peer-command.ts';
import { peerOf } from '../support/peer-world.ts';
import { tryShoal } from '../support/shoal-command.ts';

const CONTENT = noise(5_000_000, 'content');

t.setTimeout(300_000);

t.test('a daemon reads through it; Ctrl-C ends it in order, and what it holds stays', async (t) => {
  if (!requireTool(t, 'docker-registry')) return;
  const directory = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const [layer] = await pushArtifact(`${registry.host}/team/model:1`, [
    { title: 'weights', content: CONTENT },
  ]);
  const authority = await PeerAuthority.open(join(directory, 'authority'));
  const place = { home: join(directory, 'seed'), name: 'seed-1', authority };
  const seed = await startPeerCommand(t, { ...place, origins: [registry.host] });
  t.match(seed.events()[0], { event: 'ready', host: 'seed-1', role: 'seed', zone: 'z', rack: 'r' });
  await until('it has a token', async () => {
    const text = await (await fetch(seed.metrics)).text();
    return text.includes('shoal_peer_hosts 1');
  });

  const home = join(directory, 'reader');
  await authority.admit(home, 'reader', 'peer');
  const configFile = join(home, 'config.toml');
  const known = { seeds: [seedText('seed-1', seed.address)], registryHost: registry.host };
  const text = { home, listen: '127.0.0.1:0', isMirror: true, ...known };
  writeFileSync(configFile, peerConfigText(text));
  const reader = mountWorld(t, { configFile });
  await reader.start();
  await until('it has a token', async () => (await peerOf(reader)).hasToken);
  const before = registry.blobBytesSent();
  const { proxy } = await reader.status();
  const query = `ns=${encodeURIComponent(registry.host)}`;
  const url = `http://${proxy?.address}/v2/team/model/blobs/${layer?.digest}?${query}`;
  const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
  t.equal(createHash('sha256').update(bytes).digest('hex'), layer?.digest.slice('sha256:'.length));
  const { traffic } = await peerOf(reader);
  t.ok(traffic.rack > 0, `${traffic.rack} bytes came through it`);
  t.comment(`the registry has sent ${registry.blobBytesSent() - before} bytes of ${bytes.length}`);
  const told = await (await fetch(seed.metrics)).text();
  t.match(told, /^shoal_peer_home_bytes_total [1-9]/m);
  t.match(told, /^shoal_peer_uploaded_bytes_total [1-9]/m);

  await seed.program.stop('SIGINT');
  const kinds = seed.events().map(({ event }) => event);
  t.ok(kinds.includes('draining'));
  const stopped = seed.events().find(({ event }) => event === 'stopped');
  t.match(stopped, { event: 'stopped', traffic: { upload: Number } });
  t.notMatch(seed.program.log(), /"level":"(?:error|fatal)"/);
  const again = await startPeerCommand(t, { ...place, origins: [registry.host] });
  const ready = again
    .events()
    .filter(({ event }) => event === 'ready')
    .at(-1);
  t.match(ready, { store: { blobs: 1 } }, 'what it held is here again');
  await again.program.stop('SIGTERM');
});

t.test('by a file, whose keys options go before; and wrong use', async (t) => {
  const directory = temporaryDirectory(t);
  const config = join(directory, 'peer.toml');
  const root = join(directory, 'state');
  mkdirSync(root);
  writeFileSync(config, '[peer]\nlisten = "0.0.0.0:0"\nidentity = "/nowhere"\n');
  const peer = (...args: string[]) =>
    tryShoal(['peer', '--root', root, '--config', config, ...args]);
  const wildcard = await peer();
  t.match(wildcard, { exitCode: 2 });
  t.match(wildcard.stderr, /peer\.advertise/);
  const identity = await peer('--listen', '127.0.0.1:0');
  t.not(identity.exitCode, 0);
  t.match(identity.stderr, /nowhere/, 'the identity of the file, the address of the option');
  writeFileSync(config, '');
  const nothing = await peer();
  t.match(nothing, { exitCode: 2 });
  t.match(nothing.stderr, /--listen/);
  t.match(await peer('--seed', 'seed-1'), { exitCode: 2 });
  const tracker = await peer('--listen', '127.0.0.1:0', '--identity', '/x', '--tracker', 'x');
  t.match(tracker, { exitCode: 2, stderr: /^shoal peer: --tracker: / }, 'no file is named');
  t.match(await peer('--bytes-max', '1k'), { exitCode: 2 });
  t.same(readdirSync(root), [], 'nothing was left behind');
});

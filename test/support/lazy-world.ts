/**
 * A node whose containerd is played: a registry behind a gate, a daemon, and an image of three layers
 * with what container images have: whiteouts, an opaque directory, a set-uid program.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { type AccessRecord, EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { buildLayout, digestOf, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import { openFaultGate } from './fault-gate.ts';
import { mountWorld } from './mounted-image.ts';
import { Unpacker } from './unpacker.ts';

export const BIG = noise(3_000_000, 'big');
export const LAYERS = [
  writeTar([
    { name: 'bin/', type: 'directory' },
    { name: 'bin/tool', content: noise(2_000_000, 'tool'), mode: 0o4755 },
    { name: 'etc/', type: 'directory' },
    { name: 'etc/base', content: 'base\n' },
    { name: 'etc/gone', content: 'gone\n' },
    { name: 'opaque/', type: 'directory' },
    { name: 'opaque/below', content: 'below\n' },
  ]),
  writeTar([
    { name: 'big', content: BIG },
    { name: 'etc/', type: 'directory' },
    { name: 'etc/.wh.gone', content: '' },
    { name: 'opaque/', type: 'directory' },
    { name: 'opaque/.wh..wh..opq', content: '' },
    { name: 'opaque/above', content: 'above\n' },
  ]),
  writeTar([
    { name: 'etc/', type: 'directory' },
    { name: 'etc/name', content: 'top\n' },
  ]),
];

export async function lazyWorld(t: Parameters<typeof mountWorld>[0]) {
  // On a busy machine starting everything takes longer than a pull would wait.
  const configFile = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(configFile, '[snapshotter]\nlookup_timeout_ms = 60000\n');
  const world = mountWorld(t, { configFile });
  const requests: AccessRecord[] = [];
  const accessLog = (record: AccessRecord) => void requests.push(record);
  const registry = await EmbeddedRegistry.listen({ accessLog });
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const layout = join(world.directory, 'layout');
  buildLayout({ directory: layout, layers: LAYERS.map((tar) => ({ tar })) });
  const containers = join(world.directory, 'rootfs');
  mkdirSync(containers);
  await world.start();
  const connect = () => {
    const unpacker = new Unpacker(join(world.daemon.run, 'snapshotter.sock'));
    t.teardown(() => unpacker.close());
    return unpacker;
  };
  const client = { plainHttp: true };
  const convert = (name: string, how: object = {}) =>
    convertImage({
      source: parseReference(`oci:${layout}:latest`),
      target: parseReference(`${registry.host}/${name}`),
      client,
      ...how,
    });
  return { world, registry, requests, gate, layout, containers, connect, convert };
}

/** Reads the image as a container sees it. */
export const LOOK = 'cat etc/base etc/name; sha256sum < big | cut -c1-64; stat -c %a bin/tool';
export const SEEN = `base\ntop\n${digestOf(BIG).slice('sha256:'.length)}\n4755\n`;

/**
 * Credentials and mirrors of a running daemon: what its configuration says counts for mounts, and
 * credentials that have ended never keep anybody from bytes that are here.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import {
  FaultProxy,
  requireMounts,
  requireTool,
  startDockerRegistry,
  type TestScope,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import t from 'tap';
import { killDaemon } from '../support/image-world.ts';
import {
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

const NAME = 'images.example:5000';
/** What lies between is longer than any readahead. */
const FILES = { first: 2_000_000, gap: 24_000_000, second: 2_000_000 };
const users = { ann: 'secret' };

/** A converted image in a registry with tokens that end after seconds. */
async function prepared(t: TestScope, directory: string) {
  const registry = await startDockerRegistry(t, {
    token: { users, noAnonymous: true, lifetimeSeconds: 6 },
  });
  const source = join(directory, 'source');
  writeFiles(source, FILES);
  const ann = { kind: 'password', username: 'ann', password: 'secret' } as const;
  await convertImage({
    source: parseReference(`dir:${source}`),
    target: parseReference(`${registry.host}/team/image:v1`),
    client: {
      plainHttp: true,
      credentialSources: [new StaticCredentials(new Map([[registry.host, ann]]))],
    },
    chunkSizeBytes: 0x10000,
  });
  return { registry, digest: (name: string) => digestOfFile(join(source, name)) };
}

/** kubelet's configuration with a program that knows the password for `images.example`. */
function writeProvider(directory: string): string {
  const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
  const auth = { [NAME]: { username: 'ann', password: 'secret' } };
  const answer = { apiVersion, kind: 'CredentialProviderResponse', cacheKeyType: 'Image', auth };
  const program = join(directory, 'provider');
  writeFileSync(program, `#!/bin/sh\ncat >/dev/null\necho '${JSON.stringify(answer)}'\n`);
  chmodSync(program, 0o755);
  const provider = {
    name: 'provider',
    matchImages: [NAME],
    defaultCacheDuration: '1h',
    apiVersion,
  };
  const file = join(directory, 'providers.yaml');
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1',
      kind: 'CredentialProviderConfig',
      providers: [provider],
    }),
  );
  return file;
}

if (requireMounts(t) && requireTool(t, 'docker-registry', 'openssl')) {
  t.test('credentials of the configuration, and what is left when they end', async (t) => {
    const files = temporaryDirectory(t);
    const [secret, configFile] = [join(files, 'secret'), join(files, 'config.toml')];
    const world = mountWorld(t, { configFile });
    const { registry, digest } = await prepared(t, world.directory);
    writeFileSync(secret, 'secret\n');
    const table = { username: '"ann"', password_file: JSON.stringify(secret) };
    writeFileSync(
      configFile,
      `[registries]\n"${registry.host}" = { username = ${table.username}, password_file = ${table.password_file} }\n`,
    );
    const mountpoint = world.mountpoint('m');
    await world.mount({
      reference: `${registry.host}/team/image:v1`,
      mountpoint,
      missPolicy: { kind: 'fail' },
    });
    t.equal(await digestBySha256sum(join(mountpoint, 'first')), digest('first'));
    writeFileSync(secret, 'ended\n');
    await killDaemon(world, 'SIGTERM');
    await world.start();
    t.equal((await world.status()).mounts.length, 1, 'the mount is restored');
    t.equal(await digestBySha256sum(join(mountpoint, 'first')), digest('first'), 'it is here');
    t.equal(await digestBySha256sum(join(mountpoint, 'second')), undefined, 'it is not');
    const { lastError } = (await world.status()).mounts[0]?.blobs[0] ?? {};
    t.match(lastError?.reason, /credentials|refused/, 'the status says why');
    t.notMatch(JSON.stringify(await world.status()), /ended/);
    writeFileSync(secret, 'secret\n');
    await until('new credentials count by themselves', async () => {
      return (await digestBySha256sum(join(mountpoint, 'second'))) === digest('second');
    });
  });

  t.test(
    'a mirror of hosts.toml serves a mount, and the registry when the mirror dies',
    async (t) => {
      const files = temporaryDirectory(t);
      const [certs, configFile] = [join(files, 'certs.d'), join(files, 'config.toml')];
      const world = mountWorld(t, { configFile });
      const { registry, digest } = await prepared(t, world.directory);
      const mirror = await FaultProxy.listen(t, registry.host);
      mkdirSync(join(certs, 'images.example_5000_'), { recursive: true });
      writeFileSync(
        join(certs, 'images.example_5000_', 'hosts.toml'),
        `server = "http://${registry.host}"\n[host."http://${mirror.host}"]\n`,
      );
      const provider = writeProvider(files);
      writeFileSync(
        configFile,
        [
          `[registry]\nconfig_path = ${JSON.stringify(certs)}`,
          `[registries]\n"${mirror.host}" = { username = "ann", password = "secret" }`,
          `[kubelet]\ncredential_provider_config = ${JSON.stringify(provider)}`,
          `credential_provider_bin_dir = ${JSON.stringify(files)}`,
        ].join('\n'),
      );
      const mountpoint = world.mountpoint('m');
      await world.mount({ reference: `${NAME}/team/image:v1`, mountpoint, source: {} });
      t.equal(await digestBySha256sum(join(mountpoint, 'first')), digest('first'));
      t.ok(
        mirror.seen.some(({ url }) => url.includes('/blobs/')),
        'the mirror was asked',
      );
      await mirror.close();
      t.equal(await digestBySha256sum(join(mountpoint, 'second')), digest('second'));
    },
  );
}

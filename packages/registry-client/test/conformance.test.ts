/** One suite over every kind of image store. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference } from '@shoal/oci';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireTool, startDockerRegistry, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { imageTargetSuite } from './support/image-target-suite.ts';

let count = 0;
const repository = (host: string) => parseReference(`${host}/some/name-${count++}:v1`);

imageTargetSuite(t, 'OCI layout', async (t) => ({
  reference: parseReference(`oci:${join(temporaryDirectory(t), 'made', 'layout')}:v1`),
  options: {},
}));

for (const kind of ['oci-archive', 'docker-archive']) {
  imageTargetSuite(t, kind, async (t) => ({
    reference: parseReference(`${kind}:${join(temporaryDirectory(t), 'image.tar')}:v1`),
    options: {},
  }));
}

const embedded = await EmbeddedRegistry.listen();
t.teardown(() => embedded.close());
imageTargetSuite(t, 'embedded registry', async () => ({
  reference: repository(embedded.host),
  options: {},
}));

const onDisk = await EmbeddedRegistry.listen({ directory: temporaryDirectory(t) });
t.teardown(() => onDisk.close());
imageTargetSuite(t, 'embedded registry on disk', async () => ({
  reference: repository(onDisk.host),
  options: {},
}));

if (requireTool(t, 'docker-registry', 'openssl', 'htpasswd')) {
  const plain = await startDockerRegistry(t);
  imageTargetSuite(t, 'docker-registry, plain', async () => ({
    reference: repository(plain.host),
    options: { plainHttp: true },
  }));

  const tls = await startDockerRegistry(t, { tls: 'mutual' });
  const { caFile, clientCertificateFile, clientKeyFile } = tls.certificates ?? {};
  imageTargetSuite(t, 'docker-registry, TLS with client certificate', async () => ({
    reference: repository(tls.host),
    options: { caFile, clientCertificateFile, clientKeyFile },
  }));

  const users = { ann: 'secret' };
  const basic = await startDockerRegistry(t, { htpasswd: users });
  imageTargetSuite(t, 'docker-registry, htpasswd', async (t) => ({
    reference: repository(basic.host),
    options: { dockerConfigDir: dockerConfig(t, basic.host) },
  }));

  const token = await startDockerRegistry(t, { token: { users } });
  imageTargetSuite(t, 'docker-registry, tokens', async (t) => ({
    reference: repository(token.host),
    options: { dockerConfigDir: dockerConfig(t, token.host) },
  }));
}

function dockerConfig(t: Parameters<typeof temporaryDirectory>[0], host: string): string {
  const directory = join(temporaryDirectory(t), 'docker');
  mkdirSync(directory);
  const auth = Buffer.from('ann:secret').toString('base64');
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  return directory;
}

/** Against Debian's docker-registry: with credentials of Docker's configuration, continued after its death. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSource } from '@shoal/registry-client';
import {
  FaultProxy,
  isBlobRead,
  noise,
  pushArtifact,
  requireTool,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { getTo, openGet, parseSubject } from '../src/index.ts';

const CONTENT = noise(9_000_000, 'content');

t.test('credentials, ranges, a transfer that breaks', async (t) => {
  if (!requireTool(t, 'docker-registry') || !requireTool(t, 'htpasswd')) return;
  const users = { robot: 'secret-of-the-tests' };
  const registry = await startDockerRegistry(t, { htpasswd: users });
  const proxy = await FaultProxy.listen(t, registry.host);
  const directory = temporaryDirectory(t);
  const dockerConfigDir = join(directory, 'docker');
  mkdirSync(dockerConfigDir);
  const auth = Buffer.from(`robot:${users.robot}`).toString('base64');
  const auths = { [registry.host]: { auth }, [proxy.host]: { auth } };
  writeFileSync(join(dockerConfigDir, 'config.json'), JSON.stringify({ auths }));
  const client = { plainHttp: true, dockerConfigDir, retry: { attemptsMax: 1 } } as const;
  await pushArtifact(`${registry.host}/team/model:1`, [{ title: 'big', content: CONTENT }], client);
  const get = async (options = client) => {
    const access = {
      openStore: (reference: Parameters<typeof openSource>[0]) => openSource(reference, options),
      web: { open: () => Promise.reject(new Error('no URLs here')) },
    };
    const subject = parseSubject(`${proxy.host}/team/model:1:big`);
    const opened = await openGet({ subject }, access);
    try {
      return await getTo(opened, join(directory, 'big'));
    } finally {
      await opened.close();
    }
  };
  await t.rejects(get({ ...client, dockerConfigDir: directory }), {
    code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED',
  });
  const afterBytes = 4_000_000;
  proxy.inject({ fault: { kind: 'truncate', afterBytes }, matches: isBlobRead });
  await t.rejects(get());
  proxy.heal();
  const [file] = await get();
  t.ok((file?.resumedBytes ?? 0) > 0, 'it goes on');
  t.equal(file?.sources.origin, CONTENT.length - (file?.resumedBytes ?? 0));
  t.ok(readFileSync(join(directory, 'big')).equals(CONTENT));
});

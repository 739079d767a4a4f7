/** Real signals in the middle of an upload: the command ends soon, and the registry holds nothing of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  buildLayout,
  FaultProxy,
  noise,
  temporaryDirectory,
  until,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { SHOAL } from './support/shoal.ts';

t.setTimeout(200_000);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} while a blob is being pushed`, async (t) => {
    const directory = temporaryDirectory(t);
    const temporary = join(directory, 'tmp');
    mkdirSync(temporary);
    const tar = writeTar([{ name: 'file', content: noise(200_000, 'interrupted') }]);
    buildLayout({ directory: `${directory}/in`, layers: [{ tar }] });
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    const proxy = await FaultProxy.listen(t, registry.host);
    const isData = (method: string | undefined) => method === 'PATCH' || method === 'PUT';
    proxy.inject({ fault: { kind: 'hang' }, matches: ({ method }) => isData(method) });
    const target = `${proxy.host}/app:lazy`;
    const child = spawn(
      SHOAL,
      ['convert', '--source', `oci:${directory}/in`, '--target', target, '--plain-http'],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: temporary } },
    );
    t.teardown(() => child.kill('SIGKILL'));
    const [ended, said, told] = [once(child, 'exit'), text(child.stdout), text(child.stderr)];
    await until('a blob is being pushed', () => proxy.seen.some(({ method }) => isData(method)));
    t.ok(registry.openUploads > 0);
    child.kill(signal);
    t.same(await ended, [130, null], await told);
    t.equal(await said, '', 'no digest of an image that is not there');
    t.equal(registry.openUploads, 0, 'no upload is left open');
    await using source = await openSource(parseReference(`${registry.host}/app:lazy`), {});
    await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_NOT_FOUND' }, 'nor a tag');
    t.same(readdirSync(temporary), []);
  });
}

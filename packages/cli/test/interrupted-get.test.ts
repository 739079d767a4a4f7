/** The real command, interrupted and killed in the middle: the next one goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { noise, pushArtifact, type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { SHOAL, shoal } from './support/shoal.ts';

t.setTimeout(300_000);
const content = noise(24_000_000, 'content');

/** A get over a link so slow that it does not end by itself. */
async function slowGet(t: TestScope) {
  const directory = temporaryDirectory(t);
  const stored = `${directory}/registry`;
  const fast = await EmbeddedRegistry.listen({ directory: stored });
  const slow = await EmbeddedRegistry.listen({ directory: stored, bytesPerSecondMax: 1_500_000 });
  t.teardown(() => Promise.all([fast.close(), slow.close()]));
  for (const registry of [fast, slow]) {
    await pushArtifact(`${registry.host}/team/model:1`, [{ title: 'big', content }]);
  }
  const args = (host: string) =>
    ['get', `${host}/team/model:1`, '--direct', '--json', '-o', `${directory}/to/`] as const;
  const child = spawn(SHOAL, args(slow.host), { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const said: Buffer[] = [];
  child.stderr.on('data', (bytes: Buffer) => said.push(bytes));
  return {
    child,
    said: () => Buffer.concat(said).toString(),
    path: (name: string) => `${directory}/to/${name}`,
    names: () => readdirSync(`${directory}/to`).toSorted(),
    again: async () => JSON.parse((await shoal(...args(fast.host))).stdout),
  };
}

t.test('interrupted', async (t) => {
  const { child, said, path, names, again } = await slowGet(t);
  const partial = path('big.shoal-partial');
  await until('something came', () => existsSync(partial) && readFileSync(partial).length > 0);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  t.equal(code, 130);
  t.match(said(), /the same command goes on with it/);
  t.same(names(), ['big.shoal-journal', 'big.shoal-partial']);
  const { files } = await again();
  t.ok(files[0].resumedBytes > 0);
  t.ok(readFileSync(path('big')).equals(content));
  t.same(names(), ['big']);
});

t.test('killed', async (t) => {
  const { child, path, names, again } = await slowGet(t);
  await until('a journal was written', () => existsSync(path('big.shoal-journal')));
  child.kill('SIGKILL');
  await once(child, 'close');
  t.same(names(), ['big.shoal-claim', 'big.shoal-journal', 'big.shoal-partial']);
  const { files } = await again();
  t.ok(files[0].resumedBytes > 0);
  t.ok(readFileSync(path('big')).equals(content));
  t.same(names(), ['big'], 'what the dead one left has gone');
});

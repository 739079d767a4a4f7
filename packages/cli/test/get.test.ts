/** `shoal get` as the real command. */
import { readFileSync } from 'node:fs';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { noise, pushArtifact, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { shoal, shoalHere } from './support/shoal.ts';

t.setTimeout(200_000);
const content = noise(3_000_000, 'content');

t.test('files of an artifact, and what is said of them', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const directory = temporaryDirectory(t);
  const reference = `${registry.host}/team/model:1`;
  await pushArtifact(reference, [
    { title: 'sub/weights', content },
    { title: 'notes\u001b[31m', content: Buffer.from('x') },
  ]);
  const one = [`${reference}:sub/weights`, '--direct'] as const;
  const first = await shoal('get', ...one, '-o', `${directory}/`, '--json');
  t.equal(first.exitCode, 0, first.stderr);
  t.match(JSON.parse(first.stdout), {
    via: 'direct',
    sources: { local: 0, peers: 0, origin: content.length },
    files: [{ file: `${directory}/weights`, outcome: 'fetched', size: content.length }],
  });
  t.ok(readFileSync(`${directory}/weights`).equals(content));
  const again = await shoalHere('get', ...one, '-o', `${directory}/weights`);
  t.match(again.stdout, /weights {2}sha256:[0-9a-f]{64} {2}2.9 MiB, was there already/);
  const other = await shoalHere('get', `${reference}:none`, '--direct', '-o', directory);
  t.equal(other.exitCode, 1);
  t.notMatch(other.stderr, '\u001b');
  const all = await shoalHere('get', reference, '--direct', '-o', `${directory}/all`);
  t.equal(all.exitCode, 1, 'a name with control characters');
});

t.test('wrong use', async (t) => {
  const wrong = [
    ['https://files.test/x', '--digest', 'sha256:1', '--direct'],
    ['https://me:pw@files.test/x', '--direct'],
    ['registry.test/Upper:1', '--direct'],
  ];
  for (const args of wrong) {
    const { exitCode, stderr } = await shoalHere('get', ...args);
    t.not(exitCode, 0, stderr);
    t.notMatch(stderr, /internal error|pw/);
  }
});

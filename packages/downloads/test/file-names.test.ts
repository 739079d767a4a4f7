/** Names that strangers choose: nothing leads out of the directory. */
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { titleParts } from '../src/index.ts';
import { GetWorld } from './support/get-world.ts';

const content = Buffer.from('evil');

const TRICKS = [
  '../outside',
  'a/../../outside',
  '/etc/outside',
  'a//b',
  './a',
  'a/.',
  '..',
  '.',
  '',
  'a\0b',
  'a\nb',
  'invoice\u202efdp.sh',
  '\u2066a',
  'a\u2028b',
  'x'.repeat(250),
  `${'y/'.repeat(3000)}y`,
  'file.shoal-partial',
  'file.shoal-claim',
];

t.test('names that are refused', async (t) => {
  for (const title of TRICKS) {
    t.throws(() => titleParts(title), { code: 'ERR_DOWNLOADS_TITLE' }, encodeURI(title));
  }
  t.same(titleParts('a/b c/ü.bin'), ['a', 'b c', 'ü.bin']);
});

t.test('an artifact with such a name writes nothing at all', async (t) => {
  const world = await GetWorld.open(t);
  for (const [index, title] of TRICKS.entries()) {
    const files = [
      { title: 'good', content },
      { title, content },
    ];
    const reference = await world.push(`trick-${index}`, files);
    await t.rejects(world.get(reference, 'to/'), { code: 'ERR_DOWNLOADS_TITLE' });
  }
  t.same(readdirSync(world.directory), [], 'not even the directory is made');
});

t.test('names in the way of each other', async (t) => {
  const world = await GetWorld.open(t);
  for (const [index, titles] of [
    ['a', 'a'],
    ['a', 'a/b'],
  ].entries()) {
    const files = titles.map((title) => ({ title, content }));
    const reference = await world.push(`pair-${index}`, files);
    await t.rejects(world.get(reference, 'to/'), { code: 'ERR_DOWNLOADS_TITLE' });
  }
});

t.test('a directory that is a symbolic link is not followed', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('nested', [{ title: 'inner/file', content }]);
  mkdirSync(world.path('elsewhere'));
  mkdirSync(world.path('to'));
  symlinkSync(world.path('elsewhere'), world.path('to/inner'));
  await t.rejects(world.get(reference, 'to/'), { code: 'ERR_DOWNLOADS_TARGET' });
  t.same(world.names('elsewhere'), []);
});

t.test('neither is an unfinished file that is one', async (t) => {
  const world = await GetWorld.open(t);
  const reference = await world.push('one', [{ title: 'file', content }]);
  mkdirSync(world.path('to'));
  symlinkSync(world.path('victim'), world.path('to/file.shoal-partial'));
  await t.rejects(world.get(reference, 'to/'), { code: 'ERR_DOWNLOADS_TARGET' });
  t.notOk(existsSync(join(world.directory, 'victim')));
});

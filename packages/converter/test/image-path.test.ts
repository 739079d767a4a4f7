/** Paths inside images: symlinks are followed inside, `..` stops at the root. */
import { byteStringFromText } from '@shoal/rafs';
import t from 'tap';
import { resolveImagePath } from '../src/image/image-path.ts';
import { hashedTree } from './support/hashed-tree.ts';
import { tarOf } from './support/tar-builder.ts';

const symlink = (name: string, link: string) => ({ name, type: 'symlink' as const, link });
const tree = hashedTree(
  tarOf(
    { name: 'usr/lib/x', content: 'x' },
    symlink('lib', 'usr/lib'),
    symlink('abs', '/usr'),
    symlink('up', '../../../usr/lib'),
    symlink('loop', 'pool'),
    symlink('pool', 'loop'),
    symlink('usr/lib/home', '../../abs/lib/x'),
    { name: 'ümlaut', content: 'u' },
  ),
);

t.test('paths that lead somewhere', async (t) => {
  const cases = {
    '/': '',
    '': '',
    '/..': '',
    '/usr/lib/x': 'usr/lib/x',
    'usr//lib/./x/': 'usr/lib/x',
    '/lib/x': 'usr/lib/x',
    '/abs/lib/x': 'usr/lib/x',
    '/up/x': 'usr/lib/x',
    '/lib/home': 'usr/lib/x',
    '/usr/lib/../../../lib': 'usr/lib',
    '/ümlaut': 'ümlaut',
  };
  for (const [path, expected] of Object.entries(cases)) {
    t.equal(resolveImagePath(tree, path, true).path, byteStringFromText(expected), path);
  }
});

t.test('a symlink at the end is followed or not', async (t) => {
  t.equal(tree.node(resolveImagePath(tree, '/lib', false).handle).kind, 2);
  t.equal(tree.node(resolveImagePath(tree, '/lib/', false).handle).kind, 2);
  t.equal(tree.node(resolveImagePath(tree, '/lib', true).handle).kind, 1);
});

t.test('paths that lead nowhere are coded errors', async (t) => {
  for (const path of [
    '/none',
    '/usr/none/x',
    '/usr/lib/x/below',
    '/loop',
    '/pool/x',
    '/a\u001bb',
  ]) {
    t.throws(() => resolveImagePath(tree, path, true), { code: 'ERR_CONVERTER_IMAGE_PATH' }, path);
  }
});

/** What overlayfs would obey is taken away, and nothing else changes. */
import {
  type Bootstrap,
  byteStringFromText,
  InodeKind,
  openBootstrap,
  verifyBootstrap,
} from '@shoal/rafs';
import { directory, PLAIN_INODE } from '@shoal/test-kit/plain-inode';
import t from 'tap';
import { neutralizeForOverlay } from '../src/bootstraps/overlay-neutral.ts';
import { bootstrapOf, xattr } from './support/tiny-bootstrap.ts';

function lookup(bootstrap: Bootstrap, name: string) {
  const entry = bootstrap.lookup(bootstrap.root(), byteStringFromText(name));
  if (entry === undefined) throw new Error(`no ${name}`);
  return bootstrap.inode(entry.nid);
}

t.test('attributes and whiteouts lose their meaning', (t) => {
  const character = { ...PLAIN_INODE, kind: InodeKind.character };
  const original = bootstrapOf(
    directory(
      {
        whiteout: { ...character, rdev: 0 },
        null: { ...character, rdev: 0x103 },
        opaque: directory(
          {},
          {
            xattrs: [
              xattr('trusted.overlay.opaque', 'y'),
              xattr('trusted.overlay', 'not an order'),
              xattr('user.kept', 'value'),
            ],
          },
        ),
      },
      { xattrs: [xattr('trusted.overlay.redirect', '/etc')] },
    ),
  );
  const before = Buffer.from(original);
  t.match(verifyBootstrap(original), { overlayXattrs: 2, overlayWhiteouts: 1 });

  const copy = neutralizeForOverlay(original);
  t.ok(original.equals(before), 'the verified bytes stay as they are');
  t.match(verifyBootstrap(copy), { overlayXattrs: 0, overlayWhiteouts: 0 });

  const bootstrap = openBootstrap(copy);
  t.equal(lookup(bootstrap, 'null').rdev, 0x103);
  t.not(lookup(bootstrap, 'whiteout').rdev, 0);
  const names = bootstrap.xattrs(lookup(bootstrap, 'opaque')).map(({ name }) => String(name));
  t.same(names.sort(), ['trusted.Overlay.opaque', 'trusted.overlay', 'user.kept']);
  const changed = [...copy].filter((byte, at) => byte !== original[at]).length;
  t.equal(changed, 3, 'one byte for each of them');
  t.end();
});

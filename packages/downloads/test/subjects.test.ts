/** What may be asked for, and how it is understood. */
import { formatReference } from '@shoal/oci';
import t from 'tap';
import { parseSubject } from '../src/index.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

t.test('references with and without a path', async (t) => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['registry.test/a/b:1', 'registry.test/a/b:1', undefined],
    ['registry.test/a/b:1:x/y.bin', 'registry.test/a/b:1', 'x/y.bin'],
    ['registry.test:5000/a/b:1:x', 'registry.test:5000/a/b:1', 'x'],
    ['registry.test:5000/a/b:/x', 'registry.test:5000/a/b:latest', '/x'],
    [`registry.test/a@${DIGEST}:x`, `registry.test/a@${DIGEST}`, 'x'],
    [`registry.test/a@${DIGEST}`, `registry.test/a@${DIGEST}`, undefined],
    ['registry.test/a:word', 'registry.test/a:word', undefined],
    ['registry.test/a:1:with:colons', 'registry.test/a:1', 'with:colons'],
    ['docker://debian:12:/etc/os-release', 'docker.io/library/debian:12', '/etc/os-release'],
    ['oci:/srv/images:app:/etc/x', 'oci:/srv/images:app', '/etc/x'],
    ['oci:/srv/images', 'oci:/srv/images', undefined],
  ];
  for (const [text, reference, path] of cases) {
    const subject = parseSubject(text);
    if (subject.kind !== 'reference') throw new Error('a URL');
    t.same([formatReference(subject.reference), subject.path], [reference, path], text);
  }
});

t.test('URLs', async (t) => {
  const subject = parseSubject('https://files.test/a.bin?sig=x#part');
  t.match(subject, { kind: 'url', url: new URL('https://files.test/a.bin?sig=x') });
  const error = await new Promise((resolve) => {
    try {
      resolve(parseSubject('https://me:secret@files.test/a'));
    } catch (thrown) {
      resolve(thrown);
    }
  });
  t.match(error, { code: 'ERR_DOWNLOADS_SUBJECT' });
  t.notMatch(String(error), 'secret');
  t.throws(() => parseSubject('https://'), { code: 'ERR_DOWNLOADS_SUBJECT' });
  t.throws(() => parseSubject('ftp://files.test/a'), { code: 'ERR_OCI_REFERENCE' });
});

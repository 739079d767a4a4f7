/** References as text and back. */
import { formatReference, isRepositoryName, parseReference } from '@shoal/oci';
import fc from 'fast-check';
import t from 'tap';

const digest = `sha256:${'ab'.repeat(32)}`;

t.test('registry names', async (t) => {
  const hub = { kind: 'registry', registry: 'docker.io' };
  const cases: readonly (readonly [string, object])[] = [
    ['debian', { ...hub, repository: 'library/debian', tag: 'latest' }],
    ['docker://debian:12', { ...hub, repository: 'library/debian', tag: '12' }],
    ['docker.io/debian', { ...hub, repository: 'library/debian', tag: 'latest' }],
    ['index.docker.io/a/b:c', { ...hub, repository: 'a/b', tag: 'c' }],
    ['a/b/c', { ...hub, repository: 'a/b/c', tag: 'latest' }],
    ['localhost/a', { kind: 'registry', registry: 'localhost', repository: 'a', tag: 'latest' }],
    ['r:5000/a:b', { kind: 'registry', registry: 'r:5000', repository: 'a', tag: 'b' }],
    ['R.Example/a', { kind: 'registry', registry: 'r.example', repository: 'a', tag: 'latest' }],
    ['[::1]:5000/a:b', { kind: 'registry', registry: '[::1]:5000', repository: 'a', tag: 'b' }],
    [`r.io/a@${digest}`, { kind: 'registry', registry: 'r.io', repository: 'a', digest }],
    [
      `r.io/a:t@${digest}`,
      { kind: 'registry', registry: 'r.io', repository: 'a', tag: 't', digest },
    ],
  ];
  for (const [text, wanted] of cases) {
    t.strictSame(parseReference(text), wanted, text);
    t.strictSame(parseReference(formatReference(parseReference(text))), wanted, `${text} again`);
  }
});

t.test('local places', async (t) => {
  const cases: readonly (readonly [string, object])[] = [
    ['oci:/a/b', { kind: 'layout', path: '/a/b' }],
    ['oci:a:v1', { kind: 'layout', path: 'a', tag: 'v1' }],
    [
      'oci-archive:a.tar:docker.io/library/x:1',
      { kind: 'oci-archive', path: 'a.tar', tag: 'docker.io/library/x:1' },
    ],
    ['docker-archive:/x y/z', { kind: 'docker-archive', path: '/x y/z' }],
    ['dir:/a:b', { kind: 'directory', path: '/a:b' }],
  ];
  for (const [text, wanted] of cases) {
    t.strictSame(parseReference(text), wanted, text);
    t.equal(formatReference(parseReference(text)), text);
  }
});

t.test('what is no reference', async (t) => {
  const wrong = [
    '',
    ':',
    '/',
    'A',
    'a b',
    'r.io/',
    'r.io//a',
    'r.io/A',
    'r.io/a:',
    'r.io/a:b c',
    'r.io/a@sha256:12',
    `r.io/a:${'t'.repeat(129)}`,
    'https://r.io/a',
    'r.io/a\n',
    'r.io/../a',
    'r_x.io:99/a',
    'r.io:65536/a',
    '1.2.3.999/a',
    '[1:2]/a',
    'oci:',
    'oci::tag',
    'oci:a:b c',
    'dir:',
    'oci:a\0b',
    `r.io/${'a/'.repeat(200)}b`,
    'x'.repeat(10_000),
  ];
  for (const text of wrong) {
    t.throws(
      () => parseReference(text),
      { code: 'ERR_OCI_REFERENCE', remedy: /./ },
      text.slice(0, 40),
    );
  }
  t.throws(() => parseReference('a\u001b[31m'), { message: /^[\x20-\x7e]+$/ });
});

t.test('whatever is read is written and read back the same', async (t) => {
  const part = fc.stringMatching(/^[a-z0-9]+([._-][a-z0-9]+)?$/);
  const host = fc.stringMatching(/^[a-z0-9]+(-[a-z0-9]+)?$/);
  const text = fc
    .tuple(
      host,
      fc.array(part, { minLength: 1, maxLength: 3 }),
      fc.stringMatching(/^\w[\w.-]{0,20}$/),
    )
    .map(([first, names, tag]) => `${first}.example:80/${names.join('/')}:${tag}`);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(text, (value) => {
        const parsed = parseReference(value);
        return formatReference(parseReference(formatReference(parsed))) === formatReference(parsed);
      }),
      { seed: 7 },
    ),
  );
});

t.test('a password in a reference is not repeated', async (t) => {
  const texts = [
    'user:hunter2@r.io/a:1',
    'https://user:hunter2@r.io/a:1',
    'docker://user:hunter2@r.io/a',
    'user:hun/hunter2@r.io/a@b',
    'https://r.io/a?token=hunter2',
    `user:hunter2@r.io/a@${digest}`,
    'user:hunter2@r.io/a@sha256:12',
  ];
  for (const text of texts) {
    t.throws(
      () => parseReference(text),
      { code: 'ERR_OCI_REFERENCE', message: /^(?!.*hunter2).*credentials/, remedy: /docker login/ },
      text,
    );
  }
  t.throws(() => parseReference('r.io/a@sha256:12'), { message: /r\.io\/a@sha256:12/ });
  t.throws(() => parseReference('oci:a@b?c:d e'), { message: /a@b\?c/ });
});

t.test('names of repositories, as they are told from host to host', async (t) => {
  for (const text of ['docker.io/library/debian', 'r:5000/a', 'localhost/a/b', '[::1]:5000/a']) {
    t.ok(isRepositoryName(text), text);
  }
  const others = ['debian', 'docker.io/debian', 'index.docker.io/a/b', 'R.example/a', 'r.io/a:b'];
  const strange = [
    `r.io/a@${digest}`,
    'docker://r.io/a',
    'oci:a',
    'https:r.io/a',
    'r.io/',
    'r.io/A',
    '',
  ];
  for (const text of [...others, ...strange]) t.notOk(isRepositoryName(text), text);
});

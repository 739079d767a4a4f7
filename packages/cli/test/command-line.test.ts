/** The real command: exit codes, messages, nothing a terminal obeys, nothing left behind. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { serveOnLoopback, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { SHOAL, shoal, shoalHere } from './support/shoal.ts';

t.setTimeout(200_000);

t.test('the real program: exit codes, one sentence, the right stream', async (t) => {
  const [version, help, bare, usage, failure] = await Promise.all([
    shoal('--version'),
    shoal('--help'),
    shoal(),
    shoal('frobnicate'),
    shoal('inspect', '/dev/zero'),
  ]);
  t.match(version, { exitCode: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' });
  t.match(help, { exitCode: 0, stdout: /^Usage: shoal/, stderr: '' });
  t.match(bare, { exitCode: 2, stdout: '', stderr: /^Usage: shoal/ });
  t.match(usage, { exitCode: 2, stdout: '', stderr: /^shoal: unknown command 'frobnicate'.*\n$/ });
  t.match(failure, {
    exitCode: 1,
    stdout: '',
    stderr: /^shoal inspect: \/dev\/zero is not a regular/,
  });
});

t.test('an interrupted command ends with 130', async (t) => {
  const silent = createServer(() => {});
  const host = await serveOnLoopback(t, silent);
  const connected = once(silent, 'connection');
  const child = spawn(SHOAL, ['inspect', `${host}/image`], { stdio: 'ignore' });
  await connected;
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  t.equal(code, 130);
});

t.test('help lists every command with one line, every command has examples', async (t) => {
  const { stdout } = await shoalHere('--help');
  const names = [...stdout.matchAll(/^ {2}([a-z]+)[| ].*\S {2,}\S/gm)].map(
    (match) => match[1] ?? '',
  );
  t.ok(names.length >= 12, names.join(' '));
  for (const name of names.filter((name) => name !== 'help')) {
    const own = await shoalHere(name, '--help');
    t.equal(own.exitCode, 0, name);
    t.match(own.stdout, /Examples:\n {2}shoal /, name);
  }
});

t.test('wrong use ends with 2 and one sentence', async (t) => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['ls'], /missing required argument/],
    [['check', '--source', 'a'], /required option '--target <REF>'/],
    [['convert', '--sorce', 'a'], /unknown option '--sorce'. Did you mean --source/],
    [['check', '--source', 'a', '--taget', 'b'], /unknown option '--taget'/],
    [['ls', '--wild', 'x'], /unknown option '--wild'/],
    [['cat', 'x', '/y', '--offset', '-1'], /argument '-1' is invalid/],
    [['cat', 'x', '/y', '--length', '1.5'], /argument '1.5' is invalid/],
    [['inspect', 'UPPER/case:tag!'], /is not an image reference/],
    [['inspect', ''], /is not an image reference/],
    [['inspect', 'x', '--platform', 'linux'], /is not a platform/],
    [['dump', 'x', 'nonsense'], /Allowed choices are/],
    [['dump', 'x', 'inode', '#zero'], /#zero is not an inode number/],
    [['dump', 'x', 'chunks', 'one'], /is not the number of a blob/],
    [['dump', 'x', 'blobs', '1'], /takes no selector/],
    [['dump', 'x', 'inode'], /which inode/],
    [['unpack', '--source', 'a', '--target', 'b', '--layer-compression', 'lzma'], /choices/],
  ];
  for (const [args, message] of cases) {
    const { exitCode, stderr, stdout } = await shoalHere(...args);
    t.equal(exitCode, 2, args.join(' '));
    t.match(stderr, message);
    t.match(stderr, /^shoal/);
    t.equal(stderr.split('\n').length, 2, 'one line');
    t.equal(stdout, '');
  }
});

t.test('files that are no bootstrap are refused at once', async (t) => {
  const directory = temporaryDirectory(t);
  const path = (name: string) => `${directory}/${name}`;
  execFileSync('mkfifo', [path('fifo')]);
  mkdirSync(path('directory'));
  writeFileSync(path('empty'), '');
  writeFileSync(path('text'), 'hello '.repeat(2000));
  writeFileSync(path('sparse'), '');
  truncateSync(path('sparse'), 2 ** 31 - 4096);
  writeFileSync(path('huge'), '');
  truncateSync(path('huge'), 2 ** 40);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['/dev/zero', /is not a regular file/],
    [path('fifo'), /is not a regular file/],
    [path('directory'), /is a directory\. Write oci:DIR/],
    [path('missing'), /does not exist\. Give a bootstrap file/],
    [path('huge'), /has 1099511627776 bytes/],
    [path('empty'), /empty is not a RAFS v6 bootstrap/],
    [path('text'), /text is not a RAFS v6 bootstrap/],
    [path('sparse'), /sparse is not a RAFS v6 bootstrap/],
    [`${path('text')}/below`, /does not exist/],
  ];
  for (const [file, message] of cases) {
    const { exitCode, stderr } = await shoalHere('inspect', file);
    t.equal(exitCode, 1, file);
    t.match(stderr, message, file);
    t.equal(stderr.split('\n').length, 2, 'one line');
  }
});

t.test('escapes in arguments do not reach the terminal', async (t) => {
  for (const args of [
    ['inspect', './a\u001b[31m\nb\u009b'],
    ['\u001b]0;title\u0007'],
    ['ls', 'oci:/nowhere\u001b[2J'],
  ]) {
    const { exitCode, stderr } = await shoalHere(...args);
    t.ok(exitCode === 1 || exitCode === 2);
    t.notMatch(stderr.slice(0, -1), /\p{Cc}/u);
  }
});

t.test('a failed unpack leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t);
  const { exitCode, stderr } = await shoalHere(
    ...['unpack', '--source', `oci:${directory}/none`, '--target', `oci:${directory}/new/layout`],
  );
  t.equal(exitCode, 1);
  t.match(stderr, /none/);
  t.same(readdirSync(directory), []);
});

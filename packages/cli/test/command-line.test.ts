/** The real command: exit codes, messages, nothing a terminal obeys, nothing left behind. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCommand, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';

const SHOAL = fileURLToPath(new URL('../../../bin/shoal', import.meta.url));
const shoal = (...args: string[]) => runCommand(SHOAL, args, { timeoutMs: 60_000 });

t.test('help lists every command with one line, every command has examples', async (t) => {
  const help = await shoal('--help');
  t.equal(help.exitCode, 0);
  for (const name of ['check', 'unpack', 'inspect', 'ls', 'cat', 'dump']) {
    t.match(help.stdout, new RegExp(`^  ${name} .*\\S`, 'm'));
    const own = await shoal(name, '--help');
    t.equal(own.exitCode, 0, name);
    t.match(own.stdout, /Examples:\n {2}shoal /, name);
  }
  const bare = await shoal();
  t.equal(bare.exitCode, 2);
  t.match(bare.stderr, /Usage: shoal/);
});

t.test('wrong use ends with 2 and one sentence', async (t) => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['ls'], /missing required argument/],
    [['check', '--source', 'a'], /required option '--target <REF>'/],
    [['ls', '--wild', 'x'], /unknown option '--wild'/],
    [['cat', 'x', '/y', '--offset', '-1'], /argument '-1' is invalid/],
    [['inspect', 'UPPER/case:tag!'], /is not an image reference/],
    [['inspect', 'x', '--platform', 'linux'], /is not a platform/],
    [['dump', 'x', 'nonsense'], /Allowed choices are/],
    [['dump', 'x', 'inode', '#zero'], /#zero is not an inode number/],
    [['dump', 'x', 'chunks', '-1'], /unknown option|is not the number/],
    [['dump', 'x', 'inode'], /which inode/],
    [['unpack', '--source', 'a', '--target', 'b', '--layer-compression', 'lzma'], /choices/],
  ];
  for (const [args, message] of cases) {
    const { exitCode, stderr, stdout } = await shoal(...args);
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
  writeFileSync(path('zeros'), Buffer.alloc(8192));
  writeFileSync(path('huge'), '');
  truncateSync(path('huge'), 2 ** 40);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['/dev/zero', /is not a regular file/],
    [path('fifo'), /is not a regular file/],
    [path('directory'), /is a directory\. Write oci:DIR/],
    [path('missing'), /does not exist\. Give a bootstrap file/],
    [path('huge'), /has 1099511627776 bytes/],
    [path('empty'), /RAFS|bootstrap/],
    [path('text'), /RAFS|bootstrap/],
    [path('zeros'), /RAFS|bootstrap/],
    [`${path('text')}/below`, /does not exist/],
  ];
  for (const [file, message] of cases) {
    const { exitCode, stderr } = await shoal('inspect', file);
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
    const { exitCode, stderr } = await shoal(...args);
    t.ok(exitCode === 1 || exitCode === 2);
    t.notMatch(stderr.slice(0, -1), /\p{Cc}/u);
  }
});

t.test('a failed unpack leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t);
  const { exitCode, stderr } = await shoal(
    ...['unpack', '--source', `oci:${directory}/none`, '--target', `oci:${directory}/new/layout`],
  );
  t.equal(exitCode, 1);
  t.match(stderr, /none/);
  t.same(readdirSync(directory), []);
});

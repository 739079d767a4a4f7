/** What is printed: escapes, JSON, closed readers, and failures as one sentence. */
import { ShoalError } from '@shoal/errors';
import t from 'tap';
import { waitingLine } from '../src/daemon-options.ts';
import {
  describeFailure,
  ExitCode,
  escapeText,
  exitCodeOf,
  formatJson,
  Output,
  UsageError,
} from '../src/index.ts';

class Failure extends ShoalError {
  override readonly code = 'ERR_TEST_FAILURE';
}

const never = new AbortController().signal;

function collector() {
  const written: string[] = [];
  const write = (chunk: Uint8Array | string, callback: (error?: Error | null) => void) => {
    written.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1'));
    callback();
  };
  return { written, output: new Output({ write }) };
}

t.test('nothing a terminal obeys is printed', async (t) => {
  const hostile = 'a\u001b[31mred\u0007\nb\u009b2J\u202egpj\u2028\u007f\ud800';
  const escaped = escapeText(hostile);
  t.equal(escaped, 'a\\x1b[31mred\\x07\\nb\\x9b2J\\u202egpj\\u2028\\x7f\\ud800');
  t.equal(escapeText('Grüße, 世界 🐟'), 'Grüße, 世界 🐟');
  const json = formatJson({ [hostile]: [hostile] });
  t.same(JSON.parse(json), { [hostile]: [hostile] });
  t.notMatch(json.replaceAll('\n', ''), /\p{Cc}|[\u202e\u2028]/u);
});

t.test('that a command waits is said while it waits, and no closed stream ends it', async (t) => {
  const { written, output } = collector();
  waitingLine('mount', { diagnostics: output })('the daemon starts');
  await new Promise((resolve) => setImmediate(resolve));
  t.same(written, ['shoal mount: the daemon starts\n']);
  const closed = new Output({ write: (_, callback) => callback(new Error('gone')) });
  waitingLine('mount', { diagnostics: closed })('the daemon starts');
  await new Promise((resolve) => setImmediate(resolve));
});

t.test('lines, JSON lists and bytes keep their order', async (t) => {
  const { written, output } = collector();
  await output.line('one\ntwo');
  await output.jsonList([]);
  await output.jsonList([{ a: 1 }, 'b']);
  await output.bytes(Buffer.from([0xff, 0x00]));
  const text = written.join('');
  t.ok(text.startsWith('one\\ntwo\n[]\n[\n'), text);
  t.ok(text.endsWith(']\n\xff\0'), text);
  t.same(JSON.parse(text.slice('one\\ntwo\n[]\n'.length, -2)), [{ a: 1 }, 'b']);
});

t.test('a reader that stops reading is not a failure, a full disk is', async (t) => {
  const failing = (code: string) =>
    new Output({
      write: (_, callback) => callback(Object.assign(new Error(code), { code })),
    });
  const closed = await failing('EPIPE')
    .bytes(Buffer.alloc(1))
    .catch((error: unknown) => error);
  t.equal(exitCodeOf(closed, never), ExitCode.done);
  const full = await failing('ENOSPC')
    .bytes(Buffer.alloc(1))
    .catch((error: unknown) => error);
  t.equal(exitCodeOf(full, never), ExitCode.failed);
});

t.test('exit codes', async (t) => {
  t.equal(exitCodeOf(new UsageError('no'), never), ExitCode.usage);
  t.equal(exitCodeOf(new Failure('no'), never), ExitCode.failed);
  t.equal(exitCodeOf(new Error('bug'), never), ExitCode.failed);
  t.equal(exitCodeOf(new Failure('no'), AbortSignal.abort()), ExitCode.interrupted);
});

t.test('a failure is one sentence and its remedy', async (t) => {
  const failure = new Failure('image x is gone', { remedy: 'push it again' });
  t.equal(describeFailure('check', failure), 'shoal check: image x is gone. Push it again.');
  t.equal(describeFailure('', new Failure('no.')), 'shoal: no.');
  const missing = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
  t.equal(describeFailure('ls', missing), 'shoal ls: ENOENT: no such file. Check the path.');
  t.match(describeFailure('ls', new TypeError('x')), /internal error: x\. This is a bug/);
});

/** Files of web servers: with and without a digest, continued, changed, redirected. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, sha256Digest } from '@shoal/oci';
import { type ClientOptions, openWebFile } from '@shoal/registry-client';
import { noise, type TestScope, temporaryDirectory, WebFileServer } from '@shoal/test-kit';
import t from 'tap';
import {
  type DownloadedFile,
  type GetFilesOptions,
  getTo,
  openGet,
  parseSubject,
} from '../src/index.ts';

const CONTENT = noise(5_000_000, 'a file of the web');
const OTHER = noise(5_000_000, 'another file');

type Options = GetFilesOptions & { readonly digest?: Digest; readonly client?: ClientOptions };

async function world(t: TestScope) {
  const server = await WebFileServer.open(t, CONTENT);
  const directory = temporaryDirectory(t);
  const get = async (url: string, options: Options = {}): Promise<readonly DownloadedFile[]> => {
    const { digest, client, ...rest } = options;
    const { signal } = rest;
    const open = (at: URL) => openWebFile(at, { retry: { attemptsMax: 1 }, ...client });
    const access = { openStore: () => Promise.reject(new Error('no stores')), web: { open } };
    const opened = await openGet({ subject: parseSubject(url), digest, signal }, access);
    try {
      return await getTo(opened, `${directory}/`, rest);
    } finally {
      await opened.close();
    }
  };
  const file = (name: string) => readFileSync(join(directory, name));
  const read = () => file('file.bin');
  return { server, get, file, read, names: () => readdirSync(directory).toSorted() };
}

t.test('a file, with and without a digest', async (t) => {
  const { server, get, read, names } = await world(t);
  const [first] = await get(server.url('/a/file.bin?signature=secret#part'));
  t.match(first, { outcome: 'fetched', digest: sha256Digest(CONTENT), size: CONTENT.length });
  t.ok(read().equals(CONTENT));
  await t.rejects(get(server.url()), { code: 'ERR_DOWNLOADS_FILE_THERE' });
  const digest = sha256Digest(CONTENT);
  t.match(await get(server.url(), { digest }), [{ outcome: 'present' }]);
  await t.rejects(get(server.url(), { digest: sha256Digest(OTHER), replaces: true }), {
    code: 'ERR_DOWNLOADS_WRONG_DIGEST',
  });
  t.ok(read().equals(CONTENT), 'what was there is there');
  t.same(names(), ['file.bin']);
});

t.test('what was interrupted is continued while it is the same', async (t) => {
  const { server, get, read } = await world(t);
  server.state.cutAfter = 2_000_000;
  await t.rejects(get(server.url()));
  server.state.cutAfter = Number.POSITIVE_INFINITY;
  server.ranges.length = 0;
  const [file] = await get(server.url());
  const had = file?.resumedBytes ?? 0;
  t.ok(had > 0 && had <= 2_000_000, `${had} bytes were had`);
  t.same(server.ranges, ['bytes=0-0', `bytes=${had}-${CONTENT.length - 1}`]);
  t.ok(read().equals(CONTENT));
});

t.test('another file under the URL starts from the beginning', async (t) => {
  const { server, get, read } = await world(t);
  server.state.cutAfter = 2_000_000;
  await t.rejects(get(server.url()));
  Object.assign(server.state, {
    cutAfter: Number.POSITIVE_INFINITY,
    content: OTHER,
    etag: '"two"',
  });
  const [file] = await get(server.url());
  t.equal(file?.resumedBytes, 0);
  t.ok(read().equals(OTHER));
});

t.test('so does another query, which the journal does not tell', async (t) => {
  const { server, get, read, file } = await world(t);
  server.state.cutAfter = 2_000_000;
  await t.rejects(get(server.url('/file.bin?which=one&signature=secret')));
  Object.assign(server.state, { cutAfter: Number.POSITIVE_INFINITY, content: OTHER });
  t.notMatch(file('file.bin.shoal-journal').toString(), /which|secret/);
  const [other] = await get(server.url('/file.bin?which=two&signature=secret'));
  t.equal(other?.resumedBytes, 0, 'the same ETag says nothing of another query');
  t.ok(read().equals(OTHER));
});

t.test('a change in the middle is no file at all', async (t) => {
  const { server, get, read, names } = await world(t);
  server.state.cutAfter = 1_000_000;
  const retry = { attemptsMax: 3, delayMs: 1 };
  let had = 0;
  const onBytes = (bytes: number) => {
    had += bytes;
    if (had > 500_000) Object.assign(server.state, { content: OTHER, etag: '"two"' });
  };
  await t.rejects(get(server.url(), { onBytes, client: { retry } }), {
    code: 'ERR_REGISTRY_CLIENT_WEB_FILE_CHANGED',
  });
  t.notOk(names().includes('file.bin'));
  server.state.cutAfter = Number.POSITIVE_INFINITY;
  await get(server.url());
  t.ok(read().equals(OTHER), 'the next time it is the new one');
});

t.test('without an ETag a transfer that breaks is not put together with another', async (t) => {
  const { server, get, read, names } = await world(t);
  Object.assign(server.state, { etag: undefined, cutAfter: 2_000_000 });
  const retry = { attemptsMax: 5, delayMs: 1 };
  const onBytes = () => {
    server.state.content = OTHER;
  };
  await t.rejects(get(server.url(), { onBytes, client: { retry } }));
  t.notOk(names().includes('file.bin'), 'it would have had the length of both');
  server.state.cutAfter = Number.POSITIVE_INFINITY;
  await get(server.url());
  t.ok(read().equals(OTHER));
});

t.test('servers without ranges, without an ETag, without a length', async (t) => {
  const { server, get, read } = await world(t);
  for (const state of [{ hasRanges: false }, { etag: undefined }, { tellsSize: false }]) {
    Object.assign(server.state, { ...state, cutAfter: 1_000_000 });
    await t.rejects(get(server.url(), { replaces: true }));
    server.state.cutAfter = Number.POSITIVE_INFINITY;
    const [file] = await get(server.url(), { replaces: true });
    t.equal(file?.resumedBytes, 0, 'nothing is continued that may be of another file');
    t.ok(read().equals(CONTENT));
  }
});

t.test('with a digest ranges are enough', async (t) => {
  const { server, get, read } = await world(t);
  Object.assign(server.state, { etag: undefined, cutAfter: 1_000_000 });
  const digest = sha256Digest(CONTENT);
  await t.rejects(get(server.url(), { digest }));
  server.state.cutAfter = Number.POSITIVE_INFINITY;
  const [file] = await get(server.url(), { digest });
  t.ok((file?.resumedBytes ?? 0) > 0);
  t.ok(read().equals(CONTENT));
});

t.test('where it leads', async (t) => {
  const { server, get } = await world(t);
  const inner = await WebFileServer.open(t, OTHER);
  server.state.redirect = inner.url();
  await t.rejects(get(server.url()), { code: 'ERR_REGISTRY_CLIENT_REDIRECT' }, 'a private address');
  t.same(inner.ranges, [], 'nothing was asked there');
  for (const redirect of [
    'http://localhost/x',
    'file:///etc/passwd',
    'http://[::1]/',
    server.url(),
  ]) {
    server.state.redirect = redirect;
    await t.rejects(get(server.url()), { code: /REDIRECT|PROTOCOL/ }, redirect);
  }
});

t.test('bytes that are not those of the file', async (t) => {
  const { server, get, names } = await world(t);
  server.state.headers = { 'content-encoding': 'gzip' };
  await t.rejects(get(server.url()), { code: 'ERR_REGISTRY_CLIENT_PROTOCOL' });
  t.same(names(), []);
});

t.test('an empty file', async (t) => {
  const { server, get, read } = await world(t);
  server.state.content = Buffer.alloc(0);
  const [file] = await get(server.url());
  t.equal(file?.size, 0);
  t.equal(read().length, 0);
});

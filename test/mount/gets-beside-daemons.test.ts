/** `shoal get` beside a daemon that fails, lies, or shares nothing: the file is right all the same. */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestHex, sha256Digest } from '@shoal/oci';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  type ArtifactFile,
  noise,
  pushArtifact,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import {
  askedBlobSchema,
  askedRangeSchema,
} from '../../packages/node/src/control/control-protocol.ts';
import {
  BytesAnswer,
  ControlServer,
  type Routes,
} from '../../packages/node/src/control/control-server.ts';
import { openLog } from '../../packages/node/src/log/log.ts';
import type { AskedRange } from '../../packages/node/src/peers/shared-blobs.ts';
import { tryShoal } from '../support/shoal-command.ts';

const CONTENT = noise(9_000_000, 'content');
const OTHER = noise(100_000, 'other');
const SHARING: Routes = { 'GET /v1/sharing': async () => ({ isSharing: true }) };

t.setTimeout(300_000);

const BIG = [{ title: 'big', content: CONTENT }];

/** A daemon of these routes and nothing else, and a get beside it. */
async function world(t: TestScope, routes: Routes, files: readonly ArtifactFile[] = BIG) {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const directory = temporaryDirectory(t);
  const run = join(directory, 'run');
  mkdirSync(run);
  const fd = openSync(join(directory, 'log'), 'a');
  const server = await ControlServer.listen(join(run, 'shoal.sock'), routes, openLog('error', fd));
  t.teardown(async () => {
    await server.close();
    closeSync(fd);
  });
  const reference = `${registry.host}/team/model:1`;
  await pushArtifact(reference, files);
  const to = join(directory, 'to');
  const get = (...more: string[]) =>
    tryShoal(['get', reference, '-o', `${to}/`, '--run', run, '--json', ...more]);
  const read = (name = 'big') => readFileSync(join(to, name));
  return { get, read, names: () => readdirSync(to) };
}

function part({ offset, length }: AskedRange): BytesAnswer {
  const fetched = JSON.stringify({ 'peer-rack': length });
  return new BytesAnswer(CONTENT.subarray(offset, offset + length), { 'x-shoal-fetched': fetched });
}

t.test('bytes of a daemon, by whom they came from', async (t) => {
  const asked: AskedRange[] = [];
  const { get, read } = await world(t, {
    ...SHARING,
    'POST /v1/blob/read': async (body) => {
      const range = askedRangeSchema.parse(body);
      asked.push(range);
      return part(range);
    },
  });
  const { stdout, stderr } = await get();
  t.match(JSON.parse(stdout), { via: 'daemon', sources: { peers: CONTENT.length, origin: 0 } });
  t.equal(stderr, '', 'there is nothing to say');
  t.ok(read().equals(CONTENT));
  t.match(asked[0]?.from, /^127\.0\.0\.1:\d+\/team\/model$/, 'no tag');
});

t.test('one that fails now and then, and one that always does', async (t) => {
  for (const isAlways of [false, true]) {
    let count = 0;
    const { get, read } = await world(t, {
      ...SHARING,
      'POST /v1/blob/read': async (body) => {
        count += 1;
        if (isAlways || count === 2) throw new Error('not now');
        return part(askedRangeSchema.parse(body));
      },
    });
    const { stdout, stderr, exitCode } = await get();
    t.equal(exitCode, 0, stderr);
    const { via, sources } = JSON.parse(stdout);
    t.equal(via, isAlways ? 'direct' : 'daemon');
    t.ok(sources.origin > 0);
    t.equal(sources.origin + sources.peers, CONTENT.length);
    t.equal(sources.peers === 0, isAlways);
    t.match(stderr, /came from the origin/);
    t.ok(read().equals(CONTENT));
  }
});

t.test('one that lies is told, and the registry asked', async (t) => {
  const refuted: unknown[] = [];
  const { get, read, names } = await world(t, {
    ...SHARING,
    'POST /v1/blob/read': async (body) => {
      const { bytes, headers } = part(askedRangeSchema.parse(body));
      const wrong = Buffer.from(bytes);
      wrong[5] = (wrong[5] ?? 0) ^ 1;
      return new BytesAnswer(wrong, headers);
    },
    'POST /v1/blob/refute': async (body) => {
      refuted.push(body);
      return {};
    },
  });
  const { stdout, stderr, exitCode } = await get();
  t.equal(exitCode, 0, stderr);
  const { files, sources } = JSON.parse(stdout);
  t.equal(sources.origin, CONTENT.length);
  t.ok(read().equals(CONTENT));
  t.same(names(), ['big']);
  t.match(refuted, [{ digest: files[0].digest, size: CONTENT.length }]);
  t.equal(digestHex(files[0].digest).length, 64);
});

t.test('one that lies of two layers hears of both', async (t) => {
  const refuted: string[] = [];
  const files = [...BIG, { title: 'other', content: OTHER }];
  const routes: Routes = {
    ...SHARING,
    'POST /v1/blob/read': async (body) => {
      const { length } = askedRangeSchema.parse(body);
      return new BytesAnswer(Buffer.alloc(length), { 'x-shoal-fetched': '{}' });
    },
    'POST /v1/blob/refute': async (body) => {
      refuted.push(askedBlobSchema.parse(body).digest);
      return {};
    },
  };
  const { get, read } = await world(t, routes, files);
  const { stderr, exitCode } = await get();
  t.equal(exitCode, 0, stderr);
  t.same(
    refuted,
    files.map(({ content }) => sha256Digest(content)),
  );
  for (const { title, content } of files) t.ok(read(title).equals(content));
});

t.test('one that sends less or nonsense', async (t) => {
  const answers: readonly ((range: AskedRange) => unknown)[] = [
    () => ({ no: 'bytes' }),
    (range) => part({ ...range, length: range.length - 1 }),
    ({ length }) => new BytesAnswer(Buffer.alloc(length), { 'x-shoal-fetched': '{"x":-1}' }),
  ];
  for (const answer of answers) {
    const { get, read } = await world(t, {
      ...SHARING,
      'POST /v1/blob/read': async (body) => answer(askedRangeSchema.parse(body)),
    });
    const { exitCode, stderr } = await get();
    t.equal(exitCode, 0, stderr);
    t.ok(read().equals(CONTENT));
  }
});

t.test('one that shares nothing, an older one, and none', async (t) => {
  for (const routes of [{ 'GET /v1/sharing': async () => ({ isSharing: false }) }, {}]) {
    const { get, read } = await world(t, routes);
    const { stdout, stderr } = await get();
    t.match(JSON.parse(stdout), { via: 'direct', sources: { origin: CONTENT.length } });
    t.match(stderr, /no peer was asked/);
    t.ok(read().equals(CONTENT));
    t.equal((await get('--direct')).stderr, '', 'who does not want it hears nothing');
  }
});

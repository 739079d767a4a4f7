/** `shoal convert`: what it prints, its report file, and that failures leave nothing behind. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { ConvertProgressPrinter } from '../src/commands/convert-progress.ts';
import { formatLayerState } from '../src/commands/convert-progress-text.ts';
import type { OutputStream } from '../src/output.ts';
import { Output } from '../src/output.ts';
import { formatBytes, formatDuration } from '../src/quantity-text.ts';
import { shoalHere } from './support/shoal.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const tar = writeTar([{ name: 'file', content: noise(200_000, 'cli') }]);
buildLayout({ directory: `${directory}/in`, layers: [{ tar }] });
const ends = ['--source', `oci:${directory}/in`, '--target', `oci:${directory}/out:lazy`];

t.test('converts, prints plain lines, writes the report, and reuses the cache', async (t) => {
  const report = `${directory}/report.json`;
  const cache = ['--build-cache', `${directory}/cache`];
  const first = await shoalHere('convert', ...ends, ...cache, '--output-json', report);
  t.equal(first.exitCode, 0, first.stderr);
  t.match(first.stdout, / 1 layer\nwrote oci:.*\nsha256:[0-9a-f]{64}\n$/);
  t.match(first.stderr, /layer 1\/1 [0-9a-f]{12}: .* -> .*\n/);
  t.match(JSON.parse(readFileSync(report, 'utf8')), {
    target: `oci:${directory}/out:lazy`,
    manifests: [{ layers: [{ origin: 'converted', fileBytes: 200_000, chunks: 1 }] }],
  });
  const second = await shoalHere('convert', ...ends, ...cache);
  t.match(second, { exitCode: 0, stderr: /unchanged, from the build cache/ });
});

t.test('failures: one sentence, an exit code, nothing left behind', async (t) => {
  writeFileSync(`${directory}/notes`, 'my thesis');
  const before = readdirSync(directory);
  const target = ['--target', `oci:${directory}/never`];
  const source = ['--source', `oci:${directory}/in`];
  const cases: readonly (readonly [number, string[], RegExp])[] = [
    [2, [...source, ...target, '--chunk-size', '5000'], /chunk size of 5000 bytes/],
    [2, [...source, ...target, '--compressor', 'brotli'], /brotli/],
    [2, [...source, '--target', `oci:${directory}/in`], /source and target are both/],
    [2, [...source, ...target, '--platform', 'linux/amd64', '--all-platforms'], /exclude/],
    [2, [...target], /--source/],
    [2, [...source, ...target, '--output-json', `${directory}/no/r.json`], /--output-json/],
    [2, [...source, ...target, '--output-json', directory], /not a regular file/],
    [2, [...source, '--target', '127.0.0.1:1/x:1', '--ca-file', '/no.pem'], /\/no\.pem/],
    [1, [...source, '--target', `oci-archive:${directory}/no/a.tar`], /no directory .*\/no for a/],
    [
      2,
      [...source, ...target, '--output-json', `${directory}/notes`],
      /exists and is not a report/,
    ],
    [2, [...source, ...target, '--output-json', `${directory}/in/index.json`], /lies in/],
    [2, [...source, ...target, '--output-json', `${directory}/never`], /lies in/],
    [2, [...source, ...target, '--build-cache', `${directory}/in`], /in the same place/],
    [2, [...source, ...target, '--build-cache', `oci:${directory}/never`], /in the same place/],
    [2, ['--source', `dir:${directory}`, ...target], /inside the source directory/],
    [2, [...source, ...target, '--prefetch-patterns', '/dev/zero'], /not a regular file/],
    [1, ['--source', `oci:${directory}/missing`, ...target], /missing/],
  ];
  for (const [exitCode, parameters, message] of cases) {
    const result = await shoalHere('convert', ...parameters);
    t.match(result, { exitCode, stdout: '' }, parameters.join(' '));
    t.match(result.stderr, message);
  }
  t.same(readdirSync(directory), before);
  writeFileSync(`${directory}/kept.json`, 'kept');
  const report = ['--output-json', `${directory}/kept.json`];
  await shoalHere('convert', '--source', `oci:${directory}/missing`, ...target, ...report);
  t.equal(readFileSync(`${directory}/kept.json`, 'utf8'), 'kept');
  t.notOk(existsSync(`${directory}/never`));
});

t.test('a build cache in a layout that is not there yet; none for an archive', async (t) => {
  const cache = ['--build-cache', `oci:${directory}/new-cache:c`];
  const first = await shoalHere('convert', ...ends, ...cache);
  t.equal(first.exitCode, 0, first.stderr);
  t.match(await shoalHere('convert', ...ends, ...cache), { stderr: /from the build cache/ });
  const source = ['--source', `oci:${directory}/in`];
  const archive = ['--target', `oci-archive:${directory}/image.tar`];
  const spared = await shoalHere('convert', ...source, ...archive, ...cache);
  t.match(spared, { exitCode: 0, stderr: /^warning: the build cache spares nothing here/m });
  const wrong = ['--build-cache', `oci-archive:${directory}/cache.tar`];
  const refused = await shoalHere('convert', ...ends, ...wrong);
  t.match(refused, { exitCode: 1, stderr: /--build-cache oci-archive:.*cannot be added to/ });
});

t.test('torrents are made unless somebody leaves them out', async (t) => {
  const here = temporaryDirectory(t);
  const source = ['--source', `oci:${directory}/in`];
  const torrentsOf = async (name: string, ...options: string[]) => {
    const target = `oci:${here}/${name}:x`;
    const report = ['--output-json', `${here}/${name}.json`];
    const result = await shoalHere('convert', ...source, '--target', target, ...report, ...options);
    t.equal(result.exitCode, 0, result.stderr);
    const index = readFileSync(`${here}/${name}/index.json`, 'utf8');
    const count = index.split('application/vnd.shoal.torrent.v1').length - 1;
    return { count, infohash: /"infohash"/.test(readFileSync(`${here}/${name}.json`, 'utf8')) };
  };
  t.same(await torrentsOf('default'), { count: 1, infohash: true });
  t.same(await torrentsOf('asked', '--torrent'), { count: 1, infohash: true });
  t.same(await torrentsOf('none', '--no-torrent'), { count: 0, infohash: false });
  const names = ['default', 'asked'].map((name) => readFileSync(`${here}/${name}/index.json`));
  t.same(names[0], names[1], 'asking for them changes nothing else');
});

t.test('numbers as people read them', async (t) => {
  t.same([0, 1023, 1536, 3 << 20].map(formatBytes), ['0 B', '1023 B', '1.5 KiB', '3.0 MiB']);
  t.same([0, 65, 7201].map(formatDuration), ['0:00', '1:05', '2:00:01']);
  const state = {
    layer: 1,
    layers: 3,
    name: `sha256:${'ab'.repeat(32)}`,
    bytes: 1 << 20,
    seconds: 1,
  };
  const known = formatLayerState({ ...state, bytesTotal: 3 << 20 });
  t.equal(known, 'layer 2/3 abababababab: 1.0 MiB of 3.0 MiB, 1.0 MiB/s, 0:02 left');
  t.equal(
    formatLayerState({ ...state, name: '/srv/x', bytesTotal: undefined }),
    'layer 2/3 /srv/x: 1.0 MiB, 1.0 MiB/s',
  );
});

t.test('a terminal shows one moving line, and never what a name would make it do', async (t) => {
  let written = '';
  const stream: OutputStream = {
    isTTY: true,
    columns: 40,
    write: (chunk, done) => {
      written += chunk.toString();
      done();
    },
  };
  const progress = new ConvertProgressPrinter(new Output(stream));
  progress.show({ kind: 'manifest', platform: 'linux/amd64', layers: 1, bytes: 10 });
  progress.show({ kind: 'layer-start', layer: 0, digest: '/a\u001b[2J', bytesTotal: undefined });
  progress.show({ kind: 'warning', text: 'odd\u0007' });
  await progress[Symbol.asyncDispose]();
  t.ok(written.includes('\r\u001b[Klayer 1/1 /a\\x1b[2J'));
  t.ok(written.includes('warning: odd\\x07\n'));
  t.notOk(written.includes('\u001b[2J'));
});

/** Local targets and sources: what is refused, and that nothing is left behind or overwritten. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parseManifest, parseReference, sha256Digest } from '@shoal/oci';
import { isPathWithin, isSameReference } from '@shoal/registry-client';
import { noiseBytes, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { Ingest } from '../src/layout/ingest.ts';
import { writeImage } from './support/image-target-suite.ts';

import { openSourceOf, openTargetOf } from './support/open-place.ts';

function parseManifestOf(bytes: Buffer) {
  const document = parseManifest(bytes);
  if (document.kind !== 'manifest') throw new Error('no manifest');
  return document;
}

t.test('pseudo file systems are refused, and quickly', async (t) => {
  const refused = { code: 'ERR_REGISTRY_CLIENT_TARGET', remedy: /./ };
  for (const place of ['/proc/x', '/proc/self/fd/x/y', '/sys/x/y/z', '/dev/x', '/dev/shm/x']) {
    for (const kind of ['oci', 'oci-archive', 'docker-archive']) {
      await t.rejects(openTargetOf(`${kind}:${place}`), refused, `${kind}:${place}`);
    }
  }
  const directory = temporaryDirectory(t);
  symlinkSync('/proc', join(directory, 'link'));
  await t.rejects(openTargetOf(`oci:${directory}/link/x`), refused, 'behind a link');
});

t.test('closing a source lets what is being read of it end', async (t) => {
  const bytes = noiseBytes(200_000, 7);
  for (const kind of ['oci', 'oci-archive', 'docker-archive']) {
    const place = `${kind}:${temporaryDirectory(t)}/image`;
    {
      await using target = await openTargetOf(place);
      await writeImage(target, [bytes]);
    }
    const source = await openSourceOf(place);
    const descriptor = await source.resolve();
    const [layer] = parseManifestOf(await source.readManifest(descriptor)).layers;
    if (layer === undefined) throw new Error('no layer');
    const offsets = Array.from({ length: 16 }, (_, at) => at * 10_000);
    const reads = offsets.map((offset) => source.readBlobRange(layer, offset, 10_000));
    await Promise.all([source.close(), source.close()]);
    for (const [at, read] of (await Promise.all(reads)).entries()) {
      t.ok(read.equals(bytes.subarray(at * 10_000, (at + 1) * 10_000)), `${kind} ${at}`);
    }
    await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_CLOSED' });
  }
});

t.test('a target that is closed early leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  for (const kind of ['oci', 'oci-archive', 'docker-archive']) {
    const place = kind === 'oci' ? 'new/deep/place' : 'place';
    const target = await openTargetOf(`${kind}:${directory}/${place}:v1`);
    t.same(readdirSync(directory), [], 'nothing is made by opening');
    const writer = await target.openBlobWriter();
    await writer.write(Buffer.from('some'));
    await writeImage(target, [noiseBytes(1000, 51)], { tag: false });
    await target.close();
    t.same(readdirSync(directory), [], kind);
  }
});

t.test('an archive needs a directory; errors name it and no file of our own', async (t) => {
  const directory = temporaryDirectory(t);
  for (const kind of ['oci-archive', 'docker-archive']) {
    await t.rejects(openTargetOf(`${kind}:${directory}/new/a.tar`), {
      code: 'ERR_REGISTRY_CLIENT_TARGET',
      message: `there is no directory ${directory}/new for a.tar`,
    });
  }
  await t.rejects(Ingest.open(`${directory}/no/temporary`, '/srv/a.tar'), {
    message: /^\/srv\/a\.tar cannot be made/,
  });
  writeFileSync(join(directory, 'passwd'), 'root:x:0:0:root:/root:/bin/bash\n'.repeat(40));
  await t.rejects(openSourceOf(`oci-archive:${directory}/passwd`), {
    message: /is not an image archive/,
  });
});

t.test('what is not an image is not replaced', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'precious');
  for (const content of ['my thesis', noiseBytes(5000, 54), Buffer.alloc(4096)]) {
    writeFileSync(file, content);
    await t.rejects(openTargetOf(`oci-archive:${file}`), { code: 'ERR_REGISTRY_CLIENT_TARGET' });
    await t.rejects(openTargetOf(`docker-archive:${file}`), { code: 'ERR_REGISTRY_CLIENT_TARGET' });
    await t.rejects(openTargetOf(`oci:${file}`), { code: /LAYOUT|FILE/ });
    t.ok(readFileSync(file).equals(Buffer.from(content)));
  }
  const tar = join(directory, 'other.tar');
  execFileSync('tar', ['-cf', tar, '-C', directory, 'precious']);
  await t.rejects(openTargetOf(`oci-archive:${tar}`), { code: 'ERR_REGISTRY_CLIENT_TARGET' });
  mkdirSync(join(directory, 'full'));
  writeFileSync(join(directory, 'full', 'index.json'), '{"schemaVersion":2,"manifests":[]}');
  await t.rejects(openTargetOf(`oci:${directory}/full`), {
    code: 'ERR_REGISTRY_CLIENT_LAYOUT',
    message: /no oci-layout/,
  });
  await t.rejects(openTargetOf(`oci-archive:${directory}/full`), {
    code: 'ERR_REGISTRY_CLIENT_TARGET',
  });
  await t.rejects(openTargetOf(`oci:${file}/below/it`), { code: /ERR_REGISTRY_CLIENT_/ });
});

t.test('what is not an image is not read', async (t) => {
  const directory = temporaryDirectory(t);
  const layout = join(directory, 'layout');
  mkdirSync(layout);
  writeFileSync(join(layout, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
  const notLayout = { code: 'ERR_REGISTRY_CLIENT_LAYOUT', message: /oci-layout/ };
  await t.rejects(openSourceOf(`oci:${layout}`), notLayout, 'only an index.json');
  await t.rejects(openSourceOf(`oci:${directory}/absent`), notLayout);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const path of [fifo, '/dev/zero', directory, '/nonexistent']) {
    for (const kind of ['oci-archive', 'docker-archive']) {
      await t.rejects(openSourceOf(`${kind}:${path}`), { code: 'ERR_REGISTRY_CLIENT_FILE' }, path);
    }
  }
  for (const [name, magic] of [
    ['gzip', '1f8b0800'],
    ['zstd', '28b52ffd'],
  ] as const) {
    const path = join(directory, name);
    writeFileSync(path, Buffer.concat([Buffer.from(magic, 'hex'), Buffer.alloc(2000)]));
    await t.rejects(openSourceOf(`oci-archive:${path}`), {
      code: 'ERR_REGISTRY_CLIENT_ARCHIVE',
      message: new RegExp(name),
    });
  }
  await t.rejects(openSourceOf(`dir:${directory}`), {
    code: 'ERR_REGISTRY_CLIENT_REFERENCE_KIND',
  });
});

t.test('documents that are no files, or endless, end in an error', async (t) => {
  const directory = temporaryDirectory(t);
  const layout = join(directory, 'layout');
  await using target = await openTargetOf(`oci:${layout}:v1`);
  const { descriptor, manifest } = await writeImage(target, [noiseBytes(1000, 55)]);
  await using source = await openSourceOf(`oci:${layout}:v1`);
  const place = (digest: string) => join(layout, 'blobs', ...digest.split(':'));
  const replace = (digest: string, with_: string) => {
    execFileSync('rm', [place(digest)]);
    if (with_ === 'fifo') execFileSync('mkfifo', [place(digest)]);
    else symlinkSync(with_, place(digest));
  };
  for (const what of ['fifo', '/dev/zero', '/nonexistent']) {
    replace(descriptor.digest, what);
    await t.rejects(source.readManifest(descriptor), { code: /ERR_REGISTRY_CLIENT_/ }, what);
    replace(manifest.config.digest, what);
    await t.rejects(source.readBlob(manifest.config).then(buffer), {
      code: /ERR_REGISTRY_CLIENT_/,
    });
    await t.rejects(source.readBlobRange(manifest.config, 0, 1), { code: /ERR_REGISTRY_CLIENT_/ });
  }
  writeFileSync(join(layout, 'index.json'), Buffer.alloc(5 << 20, 0x20));
  await t.rejects(source.resolve(), { code: 'ERR_REGISTRY_CLIENT_BODY_LIMIT' });
});

t.test('a changed blob is not handed out as the right one', async (t) => {
  const layout = join(temporaryDirectory(t), 'layout');
  await using target = await openTargetOf(`oci:${layout}:v1`);
  const { manifest } = await writeImage(target, [noiseBytes(1000, 56)]);
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('no layer');
  const path = join(layout, 'blobs', ...layer.digest.split(':'));
  const changed = noiseBytes(1000, 56);
  changed.writeUInt8(changed.readUInt8(500) ^ 1, 500);
  writeFileSync(path, changed);
  await t.rejects(target.readBlob(layer).then(buffer), {
    code: 'ERR_REGISTRY_CLIENT_DIGEST',
    message: new RegExp(`${sha256Digest(changed)} instead of ${layer.digest}`),
  });
  writeFileSync(path, changed.subarray(1));
  await t.rejects(target.readBlob(layer).then(buffer), { code: 'ERR_REGISTRY_CLIENT_SIZE' });
});

t.test('the same image under two names', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['r.example/a:v1', 'r.example/a:v1', true],
    ['r.example/a:v1', 'r.example/a:v2', false],
    ['debian', 'index.docker.io/library/debian:latest', true],
    ['r.example/a', 'oci:a', false],
    [`oci:${directory}/real`, `oci:${directory}/link/`, true],
    [`oci:${directory}/real/x:v1`, `oci:${directory}/link/x:v1`, true],
    [`oci:${directory}/real:v1`, `oci:${directory}/real:v2`, false],
    [`oci:${directory}/real`, `oci:${directory}/real:latest`, true],
    [`oci-archive:${directory}/f:v1`, `docker-archive:${directory}/f:v2`, true],
    [`dir:${directory}/real`, `oci:${directory}/link`, true],
  ];
  for (const [source, target, same] of cases) {
    const found = isSameReference(parseReference(source), parseReference(target));
    t.equal(found, same, `${source} and ${target}`);
  }
  t.notOk(existsSync(join(directory, 'f')));
});

t.test('what lies within a place', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'a'));
  symlinkSync('a', join(directory, 'link'));
  const within = (path: string, place: string) =>
    isPathWithin(join(directory, path), join(directory, place));
  t.ok(within('a', 'a'));
  t.ok(within('a/new/x', 'a'));
  t.ok(within('link/x', 'a'), 'behind a link');
  t.ok(within('a/x', 'link'));
  t.notOk(within('ab', 'a'));
  t.notOk(within('a/..', 'a'));
  t.ok(isPathWithin('/x', '/'));
});

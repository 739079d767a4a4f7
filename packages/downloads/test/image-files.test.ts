/** Files of converted images by their path; of ordinary ones a clear answer. */
import { convertImage } from '@shoal/converter';
import { parseReference, sha256Digest } from '@shoal/oci';
import { buildLayout, noise, type TestScope, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { GetWorld } from './support/get-world.ts';

const CONTENT = noise(700_000, 'inside');

async function imageWorld(t: TestScope): Promise<{ world: GetWorld; converted: string }> {
  const world = await GetWorld.open(t);
  const entries = [
    { name: 'usr/lib/big.so', content: CONTENT },
    { name: 'link', type: 'symlink', link: '/usr/lib/big.so' },
  ] as const;
  buildLayout({ directory: world.path('source'), layers: [{ tar: writeTar(entries) }] });
  const converted = `oci:${world.path('converted')}:app`;
  await convertImage({
    source: parseReference(`oci:${world.path('source')}`),
    target: parseReference(converted),
    chunkSizeBytes: 65_536,
  });
  return { world, converted };
}

t.test('a file of a converted image, by its path and by a link to it', async (t) => {
  const { world, converted } = await imageWorld(t);
  const [file] = await world.get(`${converted}:/usr/lib/big.so`, './');
  t.ok(world.read('big.so').equals(CONTENT));
  t.equal(file?.digest, sha256Digest(CONTENT), 'it is told what it is');
  t.ok((file?.sources.origin ?? 0) > 0);
  await world.get(`${converted}:/link`, 'by-link');
  t.ok(world.read('by-link').equals(CONTENT));
  await t.rejects(world.get(`${converted}:/usr/lib/big.so`, 'big.so'), {
    code: 'ERR_DOWNLOADS_FILE_THERE',
  });
  await t.rejects(world.get(`${converted}:/usr`, 'x'), { code: 'ERR_CONVERTER_IMAGE_PATH' });
  await t.rejects(world.get(`${converted}:/none`, 'x'), { code: 'ERR_CONVERTER_IMAGE_PATH' });
  await t.rejects(world.get(converted, 'x/'), { code: 'ERR_DOWNLOADS_SUBJECT' });
});

t.test('it is continued, too', async (t) => {
  const { world, converted } = await imageWorld(t);
  const stop = new AbortController();
  const onBytes = (bytes: number) => bytes > 0 && stop.abort();
  const one = `${converted}:/usr/lib/big.so`;
  await t.rejects(world.get(one, 'to', { signal: stop.signal, onBytes }));
  const [file] = await world.get(one, 'to');
  t.ok((file?.resumedBytes ?? 0) > 0);
  t.ok(world.read('to').equals(CONTENT));
});

t.test('a file of an ordinary image cannot be had alone', async (t) => {
  const { world } = await imageWorld(t);
  await t.rejects(world.get(`oci:${world.path('source')}:latest:/usr/lib/big.so`, 'x'), {
    code: 'ERR_DOWNLOADS_SUBJECT',
    remedy: /shoal convert/,
  });
});

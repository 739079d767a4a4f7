/** How much is asked of a registry: little for little, few requests for many files. */
import { parseReference } from '@shoal/oci';
import { type AccessRecord, EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { catFile, convertImage, listTree, openConvertedImage, unpackImage } from '../src/index.ts';

t.setTimeout(200_000);
const FILES = 2000;

t.test('requests and bytes of listing, reading a range, and unpacking', async (t) => {
  const directory = temporaryDirectory(t);
  const small = Array.from({ length: FILES }, (_, n) => ({
    name: `many/${n}`,
    content: noise(300, `${n}`),
  }));
  const big = { name: 'big', content: noise(3 << 20, 'big') };
  const layers = [{ tar: writeTar([...small, big]) }];
  buildLayout({ directory: `${directory}/source`, layers });
  const log: AccessRecord[] = [];
  await using registry = await EmbeddedRegistry.listen({ accessLog: (record) => log.push(record) });
  const target = parseReference(`${registry.host}/app:converted`);
  await convertImage({ source: parseReference(`oci:${directory}/source`), target });
  const ranges = () => log.filter(({ method, range }) => method === 'GET' && range !== undefined);

  log.length = 0;
  await using image = await openConvertedImage(target);
  t.equal([...listTree(image.tree, { isRecursive: true })].length, FILES + 2);
  t.equal(ranges().length, 0, 'listing reads no data');

  const pieces: Buffer[] = [];
  for await (const piece of catFile(image, '/big', { offset: 1 << 20, length: 4096 })) {
    pieces.push(Buffer.from(piece));
  }
  t.ok(Buffer.concat(pieces).equals(big.content.subarray(1 << 20, (1 << 20) + 4096)));
  t.equal(ranges().length, 1);
  t.ok((ranges()[0]?.bytesOut ?? 0) <= 1 << 20, 'one chunk and nothing else');

  log.length = 0;
  await unpackImage({ source: target, target: parseReference(`oci:${directory}/plain:x`) });
  t.ok(ranges().length <= 10, `${ranges().length} requests for ${FILES} files`);
});

/** A range is told as it comes: before all of it is there, each byte once, right ones only. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { parseReference, sha256Digest } from '@shoal/oci';
import { createRegistryClient, type ImageStore, openSource } from '@shoal/registry-client';
import { noiseBytes, serveOnLoopback, temporaryDirectory, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';

const content = noiseBytes(2_000_000, 5);
const layer = { mediaType: 'a/b', digest: sha256Digest(content), size: content.length };
const [OFFSET, LENGTH] = [300_000, 1_000_000];
const FIRST = 128 << 10;

type Asked = { readonly start: number; readonly end: number; readonly response: ServerResponse };

/** Answers of a blob as the test says; retries wait for a millisecond. */
async function served(
  t: Test,
  answer: (asked: Asked, number: number) => void,
): Promise<{ readonly source: ImageStore; readonly starts: number[] }> {
  const starts: number[] = [];
  const server = createServer(({ headers: { range }, url }, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (first === undefined || url?.includes('/blobs/') !== true) {
      response.end();
      return;
    }
    const [start, end] = [Number(first), Number(last) + 1];
    starts.push(start);
    answer({ start, end, response }, starts.length);
  });
  const host = await serveOnLoopback(t, server);
  const options = { plainHttp: true, retry: { delayMs: 1, delayMaxMs: 2 } };
  const source = await openSource(parseReference(`${host}/a/b:v1`), options);
  t.teardown(() => source.close());
  return { source, starts };
}

function head({ start, end, response }: Asked): void {
  response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${content.length}` });
}

/** What was told, put together; fails where a byte is told twice, or out of order. */
function listener(t: Test) {
  const told = { end: OFFSET, calls: 0 };
  const onBytes = (offset: number, bytes: Buffer) => {
    if (offset !== told.end) t.fail(`told of ${offset}, expected ${told.end}`);
    if (!bytes.equals(content.subarray(offset, offset + bytes.length))) t.fail('other bytes');
    told.end = offset + bytes.length;
    told.calls += 1;
  };
  return { told, onBytes };
}

t.test('the beginning is told while the server has not sent the rest', async (t) => {
  const letGo = Promise.withResolvers<void>();
  const { source } = await served(t, (asked) => {
    head(asked);
    asked.response.write(content.subarray(asked.start, asked.start + FIRST));
    void letGo.promise.then(() =>
      asked.response.end(content.subarray(asked.start + FIRST, asked.end)),
    );
  });
  const { told, onBytes } = listener(t);
  let isOver = false;
  const reading = source.readBlobRange(layer, OFFSET, LENGTH, { onBytes }).finally(() => {
    isOver = true;
  });
  await until('the first block is told', () => told.end === OFFSET + FIRST);
  t.equal(isOver, false);
  letGo.resolve();
  t.ok((await reading).equals(content.subarray(OFFSET, OFFSET + LENGTH)));
  t.equal(told.end, OFFSET + LENGTH, 'all of it was told when the read has ended');
});

t.test('a transfer that breaks goes on, and nothing is told twice', async (t) => {
  const { source, starts } = await served(t, (asked, number) => {
    head(asked);
    const { start, end, response } = asked;
    if (number === 3) response.end(content.subarray(start, end));
    else response.write(content.subarray(start, start + FIRST), () => response.destroy());
  });
  const { told, onBytes } = listener(t);
  const range = await source.readBlobRange(layer, OFFSET, LENGTH, { onBytes });
  t.ok(range.equals(content.subarray(OFFSET, OFFSET + LENGTH)));
  t.same(starts, [OFFSET, OFFSET + FIRST, OFFSET + 2 * FIRST]);
  t.equal(told.end, OFFSET + LENGTH);
});

t.test('bytes are put where the caller has room for them', async (t) => {
  const { source } = await served(t, (asked) => {
    head(asked);
    asked.response.end(content.subarray(asked.start, asked.end));
  });
  const memory = Buffer.alloc(LENGTH);
  const range = await source.readBlobRange(layer, OFFSET, LENGTH, { memory });
  t.equal(range, memory);
  t.ok(memory.equals(content.subarray(OFFSET, OFFSET + LENGTH)));
  const other = await source.readBlobRange(layer, OFFSET, LENGTH, { memory: Buffer.alloc(1) });
  t.equal(other.length, LENGTH, 'room of another length is left alone');
});

t.test('of a whole blob instead of the range only the range is told', async (t) => {
  const { source } = await served(t, ({ response }) => {
    response.writeHead(200, { 'content-length': content.length });
    response.end(content);
  });
  const { told, onBytes } = listener(t);
  await source.readBlobRange(layer, OFFSET, LENGTH, { onBytes });
  t.equal(told.end, OFFSET + LENGTH);
});

t.test('another range, or a blob of another size, is not told at all', async (t) => {
  const { source } = await served(t, ({ start, end, response }) => {
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${end - 1}` });
    response.end(content.subarray(start, end));
  });
  const { told, onBytes } = listener(t);
  const reading = source.readBlobRange(layer, OFFSET, LENGTH, { onBytes });
  await t.rejects(reading, { code: 'ERR_REGISTRY_CLIENT_SIZE' });
  t.equal(told.calls, 0);
});

t.test('after an abort nothing is told', async (t) => {
  const sent = Promise.withResolvers<ServerResponse>();
  const { source } = await served(t, (asked) => {
    head(asked);
    asked.response.write(content.subarray(asked.start, asked.start + FIRST));
    sent.resolve(asked.response);
  });
  const { told, onBytes } = listener(t);
  const leaving = new AbortController();
  const reading = source.readBlobRange(layer, OFFSET, LENGTH, { onBytes, signal: leaving.signal });
  reading.catch(() => undefined);
  const response = await sent.promise;
  await until('the first block is told', () => told.end === OFFSET + FIRST);
  leaving.abort(new Error('bye'));
  await t.rejects(reading, { message: 'bye' });
  const { calls } = told;
  response.end(content.subarray(OFFSET + FIRST, OFFSET + LENGTH));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(told.calls, calls);
});

t.test('where another server is asked, its bytes are told from the start again', async (t) => {
  const answered = async (answer: (asked: Asked) => void) => {
    const server = createServer(({ headers: { range } }, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
      answer({ start: Number(first), end: Number(last) + 1, response });
    });
    return await serveOnLoopback(t, server);
  };
  const mirror = await answered((asked) => {
    head(asked);
    const begun = content.subarray(asked.start, asked.start + FIRST);
    asked.response.write(begun, () => asked.response.destroy());
  });
  const upstream = await answered((asked) => {
    head(asked);
    asked.response.end(content.subarray(asked.start, asked.end));
  });
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'images.example_5000_'));
  writeFileSync(
    join(root, 'images.example_5000_', 'hosts.toml'),
    `server = "http://${upstream}"\n[host."http://${mirror}"]`,
  );
  await using client = createRegistryClient({
    ...{ hostsDirectories: [root], credentialSources: [], retry: { attemptsMax: 1 } },
  });
  const reference = parseReference('images.example:5000/a/b:v1');
  if (reference.kind !== 'registry') throw new Error('no registry');
  await using source = await client.openSource(reference);
  const offsets: number[] = [];
  const range = await source.readBlobRange(layer, OFFSET, LENGTH, {
    onBytes: (offset) => offsets.push(offset),
  });
  t.ok(range.equals(content.subarray(OFFSET, OFFSET + LENGTH)));
  t.equal(offsets.filter((offset) => offset === OFFSET).length, 2);
});

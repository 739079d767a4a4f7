/** A registry that limits requests: its clients wait for it together, and get what it says when it is too long. */
import { isBlobRead, limitBlobReads, noiseBytes } from '@shoal/test-kit';
import t from 'tap';
import { openScene } from './support/proxy-scene.ts';
import { pushImage } from './support/pushed-image.ts';

const CLIENTS = 30;
const AT_A_TIME = 15;
const PART = 10_000;

t.test('clients of a mirror wait for a registry together', async (t) => {
  const { ask, wire, registry } = await openScene(t);
  const content = noiseBytes(CLIENTS * PART, 1);
  const { layer } = await pushImage(`${registry.host}/a/b:v1`, content);
  const asked = limitBlobReads(wire, AT_A_TIME);
  const answers = Array.from({ length: CLIENTS }, async (_, index) => {
    const start = index * PART;
    const range = `bytes=${start}-${start + PART - 1}`;
    const answer = await ask(`/v2/a/b/blobs/${layer.digest}`, {
      // Others are others to the registry, too: they share no connection, and no part.
      headers: { range, authorization: `Basic ${index % 4}` },
    });
    return answer.status === 206 && answer.body.equals(content.subarray(start, start + PART));
  });
  t.ok((await Promise.all(answers)).every((isRight) => isRight));
  t.ok(asked.refused > 0);
  t.ok(asked.reads <= 1.8 * CLIENTS, `${asked.reads} requests for ${CLIENTS} clients`);
});

t.test('a silence that is too long is told, without asking again', async (t) => {
  const { ask, wire, registry } = await openScene(t);
  const { layer } = await pushImage(`${registry.host}/a/b:v1`, noiseBytes(PART, 2));
  const path = `/v2/a/b/blobs/${layer.digest}`;
  await ask(path, { method: 'HEAD' });
  wire.inject({
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '30' } },
    matches: isBlobRead,
  });
  const first = await ask(path);
  t.match(first, { status: 429, headers: { 'retry-after': '30' } });
  wire.seen.length = 0;
  const second = await ask(path);
  t.equal(second.status, 429, 'what it said counts for all');
  t.ok(Number(second.headers['retry-after']) <= 10, 'as long as it is believed');
  t.equal(wire.seen.filter(({ method }) => method === 'GET').length, 0);
});

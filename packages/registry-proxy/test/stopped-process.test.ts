/** A mirror that is kept from running for longer than it waits for answers: what came meanwhile counts. */
import { Worker } from 'node:worker_threads';
import { RegistryProxy } from '@shoal/registry-proxy';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { ANSWER_TIMEOUT_MS } from '../src/limits.ts';
import { ask } from './support/ask.ts';

const ASKED = 0;
const ANSWERED = 1;

/** A registry in a thread of its own, which runs while this one does not. It tells when it has been asked. */
const REGISTRY = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:http').createServer((request, response) => {
    Atomics.store(workerData, ${ASKED}, 1);
    setTimeout(() => response.end('{"schemaVersion":2}'), 500);
    response.once('finish', () => {
      Atomics.store(workerData, ${ANSWERED}, 1);
      Atomics.notify(workerData, ${ANSWERED});
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

t.test('an answer that came while it did not run is no silence', async (t) => {
  const told = new Int32Array(new SharedArrayBuffer(8));
  const registry = new Worker(REGISTRY, { eval: true, workerData: told });
  t.teardown(() => registry.terminate());
  const port = await new Promise((resolve) => registry.once('message', resolve));
  const proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address: `http://127.0.0.1:${port}` }],
  });
  t.teardown(() => proxy.close());
  const asking = ask(proxy.host, '/v2/a/b/manifests/v1');
  await until('the registry is asked', () => Atomics.load(told, ASKED) === 1);
  const endsAtMs = performance.now() + ANSWER_TIMEOUT_MS + 500;
  // Of what is due after an immediate, timers come before sockets.
  await new Promise(setImmediate);
  Atomics.wait(told, ANSWERED, 0);
  // The first word does not change any more: this only sleeps.
  Atomics.wait(told, ASKED, 1, endsAtMs - performance.now());
  t.equal((await asking).status, 200);
});

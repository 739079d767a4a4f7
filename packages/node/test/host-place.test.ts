/** Zone and rack of the node's labels, asked of an API server over TLS that says them, refuses, stalls or lies. */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { makeCertificates } from '@shoal/test-kit/registry/certificates';
import t, { type Test } from 'tap';
import { NODE_ANSWER_BYTES_MAX } from '../src/limits.ts';
import { hostPlace } from '../src/peers/host-place.ts';
import { type PodApi, send, sendStatus, startPodApi, TOKEN } from './support/kubernetes-api.ts';

const ZONE = 'topology.kubernetes.io/zone';
const RACK = 'example.com/rack';
const CONFIGURED = { zone: 'of-file', rack: 'r0' };
const tls = makeCertificates(temporaryDirectory(t));
const QUICK = { tryMs: 200, msMax: 900 };

type Line = { readonly event?: unknown; readonly [field: string]: unknown };

async function place(
  api: Pick<PodApi, 'env' | 'directory'>,
  nodeLabels: { readonly zone?: string; readonly rack?: string } = { zone: ZONE, rack: RACK },
) {
  const lines: Line[] = [];
  const write = (fields: unknown) => lines.push(Object(fields));
  const log = { info: write, warn: write };
  const found = await hostPlace({ ...CONFIGURED, nodeLabels }, log, { ...api, ...QUICK });
  return { found, lines };
}

/** What was configured counts, and one line says why and what to do, without the token. */
async function refused(t: Test, api: PodApi, reason: RegExp, remedy: RegExp): Promise<void> {
  const { found, lines } = await place(api);
  t.same(found, CONFIGURED);
  t.match(lines, [{ event: 'node-labels-unread', code: 'ERR_NODE_LABELS', reason, remedy }]);
  t.equal(lines.length, 1);
  t.notMatch(JSON.stringify(lines), TOKEN);
}

t.test('labels go before what is configured', async (t) => {
  const api = await startPodApi(t, tls);
  api.labels = { [ZONE]: 'eu-1a', [RACK]: 'r12', other: 'x' };
  const { found, lines } = await place(api);
  t.same(found, { zone: 'eu-1a', rack: 'r12' });
  t.match(lines, [{ event: 'node-labels', zone: 'eu-1a', rack: 'r12' }]);
  t.notMatch(JSON.stringify(lines), TOKEN);
  t.match(api.requests, [
    { path: '/api/v1/nodes/node-1.example', accept: /PartialObjectMetadata/ },
  ]);
  t.same((await place(api, { zone: ZONE })).found, { zone: 'eu-1a', rack: 'r0' });
});

t.test('without labels to read nobody is asked', async (t) => {
  const api = await startPodApi(t, tls);
  const log = { info: () => t.fail('nothing to say'), warn: () => t.fail('nothing to say') };
  t.same(await hostPlace({ ...CONFIGURED, nodeLabels: undefined }, log, api), CONFIGURED);
  t.same(api.requests, []);
});

t.test('a label that is missing or no label', async (t) => {
  const api = await startPodApi(t, tls);
  for (const value of [undefined, '', 'x'.repeat(64)]) {
    api.labels = { [ZONE]: 'eu-1a', ...(value === undefined ? {} : { [RACK]: value }) };
    const { found, lines } = await place(api);
    t.same(found, { zone: 'eu-1a', rack: 'r0' });
    t.match(lines[0], {
      ...{ event: 'node-label-missing', code: 'ERR_NODE_LABELS' },
      ...{ reason: /no label example\.com\/rack/, remedy: /kubectl label node/ },
    });
  }
  api.labels = undefined;
  t.same((await place(api)).found, CONFIGURED);
});

t.test('403 and 404 are final, and each says what to change', async (t) => {
  const api = await startPodApi(t, tls);
  api.answer = (response) => sendStatus(response, 403);
  await refused(t, api, /answered 403/, /ClusterRole.*nodes.*get/);
  api.answer = (response) => sendStatus(response, 404);
  await refused(t, api, /answered 404 .*node-1\.example/, /spec\.nodeName/);
  t.equal(api.requests.length, 2);
});

t.test('one that is overloaded is asked again', async (t) => {
  const api = await startPodApi(t, tls);
  api.labels = { [ZONE]: 'eu-1a', [RACK]: 'r12' };
  const codes = [503, 429];
  api.answer = (response) => {
    const code = codes.shift();
    if (code !== undefined) sendStatus(response, code);
    else send(response, 200, { metadata: { labels: api.labels } });
  };
  t.same((await place(api)).found, { zone: 'eu-1a', rack: 'r12' });
  t.equal(api.requests.length, 3);
});

t.test('a token that has just ended is read anew', async (t) => {
  const api = await startPodApi(t, tls);
  api.labels = { [ZONE]: 'eu-1a', [RACK]: 'r12' };
  api.token = 'the-next-one';
  api.answer = (response) => {
    api.answer = undefined;
    api.writeToken(api.token);
    sendStatus(response, 401);
  };
  t.same((await place(api)).found, { zone: 'eu-1a', rack: 'r12' });
  api.token = 'another one';
  await refused(t, api, /answered 401/, /restart/);
});

t.test('one that is slow is asked again, then left', async (t) => {
  const api = await startPodApi(t, tls);
  api.answer = () => undefined;
  await refused(t, api, /did not answer in time/, /NetworkPolicy/);
  t.ok(api.requests.length > 1, 'more than one try');
  api.answer = (response) => response.writeHead(200).write('{"metadata":');
  await refused(t, api, /did not answer in time/, /NetworkPolicy/);
});

t.test('what is too much, no node, or leads elsewhere', async (t) => {
  const api = await startPodApi(t, tls);
  api.answer = (response) => {
    response.on('error', () => undefined);
    response.end(Buffer.alloc(NODE_ANSWER_BYTES_MAX + 1, 0x20));
  };
  await refused(t, api, /more than 4194304 bytes/, /KUBERNETES_SERVICE_HOST/);
  for (const body of ['', '<html>', '[]', '{"metadata":{"labels":{"a":1}}}']) {
    api.answer = (response) => response.end(body);
    await refused(t, api, /something else than a node/, /KUBERNETES_SERVICE_HOST/);
  }
  const asked = api.requests.length;
  api.answer = (response) => response.writeHead(302, { location: '/api/v1/nodes/x' }).end();
  await refused(t, api, /answered 302/, /API server/);
  t.equal(api.requests.length, asked + 1, 'a redirect is not followed');
});

t.test('a server of another authority gets no token', async (t) => {
  const api = await startPodApi(t, tls);
  const other = podOfAnother(t, api);
  await refused(t, other, /was not reached: .*(?:SIGNATURE|CERT)/, /restart/);
  t.same(api.requests, []);
});

t.test('what a pod lacks is named', async (t) => {
  const api = await startPodApi(t, tls);
  const nowhere = { ...api, env: {} };
  await refused(t, nowhere, /in no pod of Kubernetes/, /leave node_labels out/);
  for (const NODE_NAME of [undefined, '', '../secrets', 'a/b', 'a?b']) {
    const unnamed = { ...api, env: { ...api.env, NODE_NAME } };
    await refused(t, unnamed, /NODE_NAME/, /spec\.nodeName/);
  }
  const closed = { ...api, env: { ...api.env, KUBERNETES_SERVICE_PORT: '1' } };
  await refused(t, closed, /ECONNREFUSED/, /restart/);
  api.writeToken('two\nlines');
  await refused(t, api, /holds no token/, /automountServiceAccountToken/);
  rmSync(join(api.directory, 'token'));
  await refused(t, api, /ENOENT/, /automountServiceAccountToken/);
  t.same(api.requests, []);
});

/** Trusts an authority that did not sign the server's certificate. */
function podOfAnother(t: TestScope, api: PodApi): PodApi {
  const directory = temporaryDirectory(t);
  const { caFile } = makeCertificates(directory);
  copyFileSync(caFile, join(directory, 'ca.crt'));
  copyFileSync(join(api.directory, 'token'), join(directory, 'token'));
  return { ...api, directory };
}

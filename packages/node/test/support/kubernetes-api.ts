/** What stands for the API server of a cluster: TLS, bearer tokens, GET of a node; and the files of a pod. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { serveOnLoopback, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import type { Certificates } from '@shoal/test-kit/registry/certificates';

export const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.pod-of-a-test.c2lnbmF0dXJl';
export const NODE = 'node-1.example';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export type PodApi = {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
  readonly requests: readonly { readonly path: string; readonly accept: string }[];
  /** Instead of the node. */
  answer: Answer | undefined;
  labels: Readonly<Record<string, unknown>> | undefined;
  /** What it takes for right. */
  token: string;
  writeToken(text: string): void;
};

/** With that of a pod that runs on `NODE`. */
export async function startPodApi(t: TestScope, tls: Certificates): Promise<PodApi> {
  const directory = join(temporaryDirectory(t), 'serviceaccount');
  mkdirSync(directory);
  writeFileSync(join(directory, 'ca.crt'), readFileSync(tls.caFile));
  const requests: { path: string; accept: string }[] = [];
  const cert = readFileSync(tls.certificateFile);
  const server = createServer({ cert, key: readFileSync(tls.keyFile) }, (request, response) => {
    requests.push({ path: request.url ?? '', accept: request.headers.accept ?? '' });
    if (api.answer === undefined) answerAsKubernetes(api, request, response);
    else api.answer(response, request);
  });
  const [host = '', port = ''] = (await serveOnLoopback(t, server)).split(':');
  const api: PodApi = {
    env: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, NODE_NAME: NODE },
    ...{ directory, requests, answer: undefined, labels: {}, token: TOKEN },
    writeToken: (text) => writeFileSync(join(directory, 'token'), text),
  };
  api.writeToken(`${TOKEN}\n`);
  return api;
}

function answerAsKubernetes(api: PodApi, request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.authorization !== `Bearer ${api.token}`) {
    sendStatus(response, 401);
    return;
  }
  if (request.url !== `/api/v1/nodes/${NODE}`) {
    sendStatus(response, 404);
    return;
  }
  const metadata = { name: NODE, ...(api.labels === undefined ? {} : { labels: api.labels }) };
  send(response, 200, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
}

/** As the API server says no. */
export function sendStatus(response: ServerResponse, code: number): void {
  send(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code });
}

export function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

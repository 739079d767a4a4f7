/** The image service passes on whatever comes, as it is: streams, unknown fields, ends and failures. */
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import pino from 'pino';
import t from 'tap';
import { PullImageRequest } from '../src/cri/gen/image-service.ts';
import { ImageServiceProxy } from '../src/cri/image-service-proxy.ts';
import { RememberedCredentials } from '../src/cri/remembered-credentials.ts';

const PULL = '/runtime.v1.ImageService/PullImage';
const raw = (value: Buffer) => value;

async function startProxy(t: TestScope, directory: string) {
  const remembered = await RememberedCredentials.open(
    { load: async () => [], changed: () => undefined, close: async () => undefined },
    60_000,
  );
  const [address, upstream] = [join(directory, 'proxy.sock'), join(directory, 'upstream.sock')];
  const log = pino({ level: 'silent' });
  const proxy = await ImageServiceProxy.listen({ address, upstream, remembered, log });
  const client = new Client(`unix://${address}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  t.teardown(async () => {
    client.close();
    await proxy.close();
  });
  return { remembered, upstream, client, address, proxy };
}

/** Answers pulls with what `answer` makes of the request; echoes the messages of `/x/Echo`. */
async function startUpstream(
  t: TestScope,
  path: string,
  answer: (request: Buffer, metadata: Metadata) => Buffer | Partial<ServiceError>,
) {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const method = {
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  };
  server.addService(
    {
      pull: { ...method, path: PULL, requestStream: false, responseStream: false },
      echo: { ...method, path: '/x/Echo', requestStream: true, responseStream: true },
    },
    {
      pull: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        const made = answer(call.request, call.metadata);
        if (Buffer.isBuffer(made)) reply(null, made);
        else reply(made);
      },
      echo: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (piece: Buffer) => call.write(piece));
        call.on('end', () => call.end());
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  t.teardown(() => server.forceShutdown());
}

function pull(
  client: Client,
  request: Buffer,
  metadata = new Metadata(),
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(PULL, raw, raw, request, metadata, (error, value) =>
      error === null ? resolve(value) : reject(error),
    );
  });
}

function pullRequest(image: string): Buffer {
  const auth = {
    ...{ username: 'ann', password: 'secret', auth: '', serverAddress: '' },
    ...{ identityToken: '', registryToken: '' },
  };
  const known = PullImageRequest.encode({ image: { image, annotations: new Map() }, auth });
  // field 99, which no version has, and which must come through
  return Buffer.concat([known.finish(), Buffer.from([0x9a, 0x06, 3, 1, 2, 3])]);
}

t.test('requests, answers, metadata and errors are passed on as they are', async (t) => {
  const { client, upstream, remembered } = await startProxy(t, temporaryDirectory(t));
  const seen: { request: Buffer; metadata: Metadata }[] = [];
  const known: number[] = [];
  let fails = false;
  await startUpstream(t, upstream, (request, metadata) => {
    seen.push({ request, metadata });
    known.push(remembered.size);
    return fails
      ? { code: status.NOT_FOUND, details: 'no such ümage 100%' }
      : Buffer.from('answer');
  });
  const request = pullRequest('r.example/a:v1');
  const metadata = new Metadata();
  metadata.add('x-mine', 'yes');
  t.equal(String(await pull(client, request, metadata)), 'answer');
  t.ok(seen[0]?.request.equals(request), 'byte for byte');
  t.same(seen[0]?.metadata.get('x-mine'), ['yes']);
  t.same(known, [1], 'the credentials are there before the pull begins');
  fails = true;
  await t.rejects(pull(client, pullRequest('r.example/b:v1')), {
    code: status.NOT_FOUND,
    details: 'no such ümage 100%',
  });
  t.equal(remembered.size, 1, 'those of the failed pull are gone');
  fails = false;
  const rubbish = Buffer.from([255, 255, 255, 1]);
  await pull(client, rubbish);
  t.ok(seen.at(-1)?.request.equals(rubbish), 'what we cannot read is not ours to judge');
  const large = Buffer.alloc(5 << 20, 7);
  await pull(client, large);
  t.ok(seen.at(-1)?.request.equals(large), 'nor what is larger than what we look into');
  await t.rejects(
    new Promise((_, reject) => client.makeUnaryRequest('/no/Such', raw, raw, rubbish, reject)),
    { code: status.UNIMPLEMENTED },
  );
});

t.test('streams in both directions, and a deadline', async (t) => {
  const { client, upstream } = await startProxy(t, temporaryDirectory(t));
  await startUpstream(t, upstream, () => Buffer.alloc(0));
  const stream = client.makeBidiStreamRequest('/x/Echo', raw, raw);
  const back: Buffer[] = [];
  const ended = new Promise((resolve) => stream.on('end', resolve));
  stream.on('data', (piece: Buffer) => back.push(piece));
  stream.write(Buffer.from('one'));
  while (back.length === 0) await new Promise(setImmediate);
  t.equal(String(back[0]), 'one', 'an answer comes before the request has ended');
  stream.write(Buffer.alloc(300_000, 1));
  stream.end();
  await ended;
  t.equal(Buffer.concat(back).byteLength, 300_003);
  const slow = client.makeBidiStreamRequest('/x/Echo', raw, raw, { deadline: Date.now() + 50 });
  slow.resume();
  const error = await new Promise((resolve) => slow.on('error', resolve));
  t.match(error, { code: status.DEADLINE_EXCEEDED });
});

t.test('a runtime that is not there, one that breaks off, and one that comes back', async (t) => {
  const directory = temporaryDirectory(t);
  const { client, upstream, remembered } = await startProxy(t, directory);
  const request = pullRequest('r.example/a:v1');
  await t.rejects(pull(client, request), { code: status.UNAVAILABLE, details: upstream });
  const rude = createServer();
  rude.on('session', (session) => session.on('error', () => undefined));
  rude.on('stream', (stream, _headers: IncomingHttpHeaders) => stream.session?.destroy());
  await new Promise<void>((resolve) => rude.listen(upstream, resolve));
  await t.rejects(pull(client, request), { code: status.UNAVAILABLE });
  await new Promise((resolve) => rude.close(resolve));
  t.equal(remembered.size, 0);
  await startUpstream(t, upstream, () => Buffer.from('here'));
  t.equal(String(await pull(client, request)), 'here');
  t.equal(remembered.size, 1);
});

t.test('a caller that gives up ends the call at the runtime', async (t) => {
  const directory = temporaryDirectory(t);
  const { client, upstream } = await startProxy(t, directory);
  const runtime = createServer();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const { promise: given, resolve: give } = Promise.withResolvers<number>();
  runtime.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.on('close', () => give(stream.rstCode ?? 0));
    arrive();
  });
  await new Promise<void>((resolve) => runtime.listen(upstream, resolve));
  t.teardown(() => runtime.close());
  const call = client.makeUnaryRequest(PULL, raw, raw, pullRequest('r.example/a'), () => undefined);
  await arrived;
  call.cancel();
  t.equal(await given, 8, 'CANCEL');
});

t.test('a caller that leaves while its request is on the way harms nobody', async (t) => {
  const { upstream, address } = await startProxy(t, temporaryDirectory(t));
  const asked: ServerHttp2Stream[] = [];
  const runtime = createServer();
  // It reads nothing of the request: the rest of it stays with the proxy.
  runtime.on('stream', (stream) => asked.push(stream.on('error', () => undefined)));
  await new Promise<void>((resolve) => runtime.listen(upstream, resolve));
  t.teardown(() => runtime.close());
  const session = connect('http://localhost', { createConnection: () => connectSocket(address) });
  t.teardown(() => session.destroy());
  const begin = async () => {
    const stream = session.request({ ':method': 'POST', ':path': '/x/Echo', te: 'trailers' });
    stream.on('error', () => undefined);
    stream.write(Buffer.alloc(1 << 20));
    const before = asked.length;
    await until('the runtime is asked', () => asked.length > before);
    return stream;
  };
  for (const answer of [{ 'grpc-status': '0' }, undefined]) {
    const leaving = await begin();
    const call = asked.at(-1);
    leaving.close(constants.NGHTTP2_NO_ERROR);
    // What comes on the connection behind the reset: the proxy has seen it then.
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    session.ping((error) => (error === null ? resolve() : reject(error)));
    await promise;
    if (answer === undefined) call?.close(constants.NGHTTP2_INTERNAL_ERROR);
    else call?.respond({ ':status': 200, ...answer }, { endStream: true });
  }
  const served = await begin();
  asked.at(-1)?.respond({ ':status': 200, 'grpc-status': '7' }, { endStream: true });
  const [headers] = await once(served, 'response');
  t.equal(headers['grpc-status'], '7', 'the next call is served');
});

t.test('the socket: private, refused when another listens, gone at the end', async (t) => {
  const directory = temporaryDirectory(t);
  const { proxy, address, remembered, upstream } = await startProxy(t, directory);
  t.equal(statSync(address).mode & 0o777, 0o600);
  const log = pino({ level: 'silent' });
  await t.rejects(ImageServiceProxy.listen({ address, upstream, remembered, log }), {
    code: 'ERR_SNAPSHOTTER_SOCKET',
  });
  await proxy.close();
  t.notOk(existsSync(address));
});

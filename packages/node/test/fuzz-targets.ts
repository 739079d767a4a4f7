/** Decoders of what kubelet, the disk and administrators say to the daemon. */
import type { FuzzTarget } from '@shoal/test-kit';
import { decodeOrder } from '../src/api/get-order.ts';
import { decodeConfig } from '../src/config/config.ts';
import { PullImageRequest } from '../src/cri/gen/image-service.ts';
import { decodeGrpcMessage } from '../src/cri/grpc-message.ts';
import { decodePullCredentials } from '../src/cri/pull-request.ts';
import { seal, unseal } from '../src/cri/sealed-file.ts';

const KEY = Buffer.alloc(32, 7);

function pullRequest(): Buffer {
  const image = { image: 'r.example:5000/a/b:v1', annotations: new Map([['a', 'b']]) };
  const auth = {
    ...{ username: 'u', password: 'p', auth: 'dTpw', serverAddress: 'https://r.example:5000' },
    ...{ identityToken: '', registryToken: '' },
  };
  return Buffer.from(PullImageRequest.encode({ image, auth }).finish());
}

const SOURCES = ['r.example:5000', 'https:files.example/models'];

/** What is taken is of a source that is named, and goes below the directory. */
function order(input: Buffer): void {
  let body: unknown;
  try {
    body = JSON.parse(input.toString());
  } catch {
    return;
  }
  const { what, target } = decodeOrder(body, SOURCES);
  const isNamed =
    /^(?:docker:\/\/)?r\.example:5000\/|^https:\/\/files\.example\/models(?:\/|$)/i.test(what);
  if (!isNamed || target.includes('..')) throw new Error(`${what} to ${target.join('/')}`);
}

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'get-order',
    samples: () =>
      [
        { what: 'r.example:5000/a/b:1:x', target: 'a/b' },
        { what: 'https://files.example/models/x?y', target: 'x', force: true },
      ].map((body) => Buffer.from(JSON.stringify(body))),
    run: order,
  },
  {
    name: 'pull-request',
    samples: () => [pullRequest()],
    run: (input) => decodePullCredentials(input),
  },
  {
    name: 'grpc-message',
    samples: () => [Buffer.from([0, 0, 0, 0, 2, 1, 2])],
    run: (input) => decodeGrpcMessage(input, 'gzip'),
  },
  {
    name: 'sealed-file',
    samples: () => [seal(Buffer.from('{"version":1,"places":[]}'), KEY)],
    run: (input) => unseal(input, KEY),
  },
  {
    name: 'config',
    samples: () => [
      Buffer.from(
        '[registries]\n"a.b:5" = { username = "u", password = "p" }\n[image_service]\naddress = "/a"\n',
      ),
    ],
    run: (input) => decodeConfig(input.toString('latin1'), 'input'),
  },
];

/** Decoders of what kubelet, the disk and administrators say to the daemon. */
import type { FuzzTarget } from '@shoal/test-kit';
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

export const fuzzTargets: readonly FuzzTarget[] = [
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

/** The decoders of this package for the fuzzer: messages of the kernel, mount tables, stored INITs. */
import type { FuzzTarget } from '@shoal/test-kit';
import { parseInitAgreement } from '../src/fuse/init.ts';
import { Opcode } from '../src/fuse/kernel-structs.ts';
import { isRangeReady } from '../src/fuse/ready-map.ts';
import { decodeRequest, uniqueOf } from '../src/fuse/request.ts';
import { parseMountInfo } from '../src/mount/mount-table.ts';
import { fuseMessage, READ_MESSAGE } from './support/fuse-messages.ts';

const MOUNTINFO = `24 31 0:22 / /proc rw,nosuid shared:12 - proc proc rw
31 1 254:0 / /a\\040b rw,relatime master:1 shared:2 - ext4 /dev/vda rw,discard
`;

const INIT = { major: 7, minor: 38, maxReadahead: 1, maxWrite: 4096, maxPages: 256, flags: '1' };

function runJson(input: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(input.toString('utf8'));
  } catch {
    return undefined;
  }
  return parseInitAgreement(value);
}

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'fuse-request',
    samples: () => [
      READ_MESSAGE,
      fuseMessage(Opcode.LOOKUP, Buffer.from('blob-10\0')),
      fuseMessage(Opcode.INIT, Buffer.alloc(64, 0x11)),
      fuseMessage(Opcode.READDIR, Buffer.alloc(40)),
    ],
    run: (input) => {
      uniqueOf(input);
      return decodeRequest(input);
    },
  },
  {
    name: 'mountinfo',
    samples: () => [Buffer.from(MOUNTINFO)],
    run: (input) => parseMountInfo(input.toString('utf8')),
  },
  {
    name: 'init-agreement',
    samples: () => [Buffer.from(JSON.stringify(INIT))],
    run: runJson,
  },
  {
    name: 'ready-map',
    samples: () => [Buffer.from([0xff, 0x01, 0, 0xff])],
    run: (input) => isRangeReady(input, (input[0] ?? 0) * 4096, (input[1] ?? 0) * 1000),
  },
];

/**
 * The decoders of this package for the fuzzer: filters of clients, records of the database, tables
 * that are repaired.
 */
import { openChunkCrc } from '@shoal/blob-store';
import type { FuzzTarget } from '@shoal/test-kit';
import { decodeEntries } from '../src/snapshots/level-block.ts';
import { examineTable } from '../src/snapshots/level-table.ts';
import { decodeSnappy } from '../src/snapshots/snappy-block.ts';
import {
  matchesAny,
  parseFilters,
  selectionOf,
  snapshotFields,
} from '../src/snapshots/snapshot-filter.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  type Snapshot,
  snapshotId,
} from '../src/snapshots/snapshot-record.ts';
import { encodeIndex, smallTable } from './support/level-tables.ts';

const SNAPSHOT: Snapshot = {
  ...{ id: snapshotId(7), name: 'default/1/x', parent: 'p', kind: 'committed', mark: undefined },
  ...{ createdMicros: 1, updatedMicros: 2, usage: { size: 4096, inodes: 1 } },
  labels: { 'containerd.io/snapshot.ref': `sha256:${'a'.repeat(64)}`, foo: 'bar' },
};

const FILTERS = [
  'name==x,labels."containerd.io/snapshot.ref"==sha256:1,parent=="a/b"',
  'labels.foo~=/^[a-z]{1,3}(b|c)*$/,kind!=active',
  'labels."\\x41\\u00e9\\n\\101".post',
];

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'snapshot-filter',
    samples: () => FILTERS.map((filter) => Buffer.from(filter)),
    run: (input) => {
      const filters = parseFilters([input.toString('utf8')]);
      selectionOf(filters);
      return matchesAny(filters, snapshotFields(SNAPSHOT));
    },
  },
  {
    name: 'snapshot-record',
    samples: () => [Buffer.from(encodeSnapshot(SNAPSHOT))],
    run: (input) => decodeSnapshot(SNAPSHOT.name, input.toString('utf8'), '/place'),
  },
  {
    name: 'level-table',
    samples: async () => [smallTable(await openChunkCrc())],
    run: async (input) => examineTable(input, await openChunkCrc()),
  },
  {
    name: 'level-block',
    samples: () => [
      encodeIndex([
        { offset: 0, size: 300 },
        { offset: 400, size: 9 },
      ]),
    ],
    run: (input) => decodeEntries(input),
  },
  {
    name: 'snappy-block',
    samples: () => [Buffer.from('0b086162631103f003646566', 'hex')],
    run: (input) => decodeSnappy(input),
  },
];

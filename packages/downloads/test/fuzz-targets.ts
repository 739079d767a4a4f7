/** Decoders of what lies beside an unfinished file, and of what people and artifacts name. */
import type { FuzzTarget } from '@shoal/test-kit';
import { decodeJournal, encodeJournal } from '../src/partial/journal.ts';
import { parseSubject } from '../src/subject/parse-subject.ts';
import { titleParts } from '../src/target/file-title.ts';

const JOURNALS = [
  { identity: 'https://files.test/a etag "x"', bytes: 12 },
  { identity: 'sha256:x', size: 100, bytes: 100 },
];

/** What is taken means the same when it is written again. */
function journalAgain(input: Buffer): void {
  const journal = decodeJournal(input);
  if (journal.size !== undefined && journal.bytes > journal.size) throw new Error('too many bytes');
  const again = decodeJournal(encodeJournal(journal));
  if (JSON.stringify(again) !== JSON.stringify(journal)) throw new Error('another journal');
}

function below(text: string): void {
  const parts = titleParts(text);
  const leadsOut = parts.some((part) => part === '..' || part === '.' || part === '');
  if (leadsOut || parts.join('').includes('/') || parts.join('').includes('\0')) {
    throw new Error(`${JSON.stringify(parts)} leads out`);
  }
}

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'journal', samples: () => JOURNALS.map(encodeJournal), run: journalAgain },
  {
    name: 'title',
    samples: () => ['a/b.bin', '..x/y..', 'weights/part-1'].map((text) => Buffer.from(text)),
    run: (input) => below(input.toString()),
  },
  {
    name: 'subject',
    samples: () =>
      [
        'registry.test:5000/a/b:tag:dir/file',
        `registry.test/a@sha256:${'a'.repeat(64)}:file`,
        'oci:/srv/images:app:/etc/os-release',
        'https://files.test:8443/a/b.bin?x=y#z',
      ].map((text) => Buffer.from(text)),
    run: (input) => parseSubject(input.toString()),
  },
];

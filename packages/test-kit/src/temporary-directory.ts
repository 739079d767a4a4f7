/** Directories that live as long as one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestScope } from './test-scope.ts';

/** A fresh directory, mode 0700, removed when the test ends. */
export function temporaryDirectory(t: TestScope, prefix = 'shoal-test-'): string {
  const directory = mkdtempSync(join(process.env['SHOAL_TEST_TMPDIR'] ?? tmpdir(), prefix));
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

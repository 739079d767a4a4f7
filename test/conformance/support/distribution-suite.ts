/** Runs the suite of the OCI distribution specification against a registry or a proxy, and reads its report. */
import { join } from 'node:path';
import { runCommand, temporaryDirectory } from '@shoal/test-kit';
import type { Test } from 'tap';
import type { RegistryContent } from './registry-content.ts';

const TIMEOUT_MS = 300_000;
export const REPOSITORY = 'conformance/one';

/** What is read, in the suite's own spelling. */
export const READS = [
  ...['Tag listing', 'Blob get', 'Blob head', 'Manifest get by digest', 'Manifest get by tag'],
  ...['Manifest head by digest', 'Manifest head by tag', 'Referrers', 'Ping'],
];

export type Verdicts = ReadonlyMap<string, string>;

/** Settings with which it writes nothing, and reads what is there. */
export function readOnly(content: RegistryContent): Record<string, string> {
  return {
    OCI_API_PUSH: 'false',
    OCI_RO_DATA_TAGS: content.tags.join(' '),
    OCI_RO_DATA_MANIFESTS: content.manifests.join(' '),
    OCI_RO_DATA_BLOBS: content.blobs.join(' '),
    OCI_RO_DATA_REFERRERS: content.subjects.join(' '),
  };
}

/** `Blob get range......:  Pass` of its report, by name. */
export async function runSuite(
  t: Test,
  judge: string,
  host: string,
  settings: Readonly<Record<string, string>>,
): Promise<Verdicts> {
  const directory = temporaryDirectory(t);
  const { stdout, stderr } = await runCommand(judge, [], {
    cwd: directory,
    timeoutMs: TIMEOUT_MS,
    env: {
      ...process.env,
      OCI_REGISTRY: host,
      OCI_TLS: 'disabled',
      OCI_VERSION: '1.1',
      OCI_REPO1: REPOSITORY,
      OCI_REPO2: 'conformance/two',
      OCI_RESULTS_DIR: join(directory, 'results'),
      OCI_API_BLOBS_DELETE: 'false',
      OCI_API_MANIFESTS_DELETE: 'false',
      OCI_API_TAGS_DELETE: 'false',
      ...settings,
    },
  });
  const lines = `${stdout}\n${stderr}`.matchAll(/^ *([A-Z][\w -]+?)\.*: +(\w+)$/gm);
  const verdicts = new Map([...lines].map(([, name = '', verdict = '']) => [name, verdict]));
  t.ok(verdicts.size > 20, 'the suite has come to its report');
  const failed = [...stderr.matchAll(/msg="failed test" name="([^"]+)" error=(.*)$/gm)];
  for (const [, name = '', error = ''] of failed.slice(0, 20))
    t.comment(`${name}: ${error.slice(0, 300)}`);
  return verdicts;
}

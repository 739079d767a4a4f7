/**
 * The generated pages are up to date, and every error they list has a code of its own, of the
 * package it is in, and says what it means.
 */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { documentedErrors } from '../scripts/gen-docs/errors-page.ts';
import { limitsOfFile } from '../scripts/gen-docs/limits-page.ts';
import { sourceFiles } from '../scripts/gen-docs/source-files.ts';
import { stalePages } from '../scripts/gen-docs.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

t.test('generated pages are up to date: run "npm run gen"', async (t) => {
  t.same(await stalePages(ROOT), []);
});

/** `ERR_RAFS_`; the peers' is shorter than their package's name, which would double in ERR_P2P_PEER_PEER_ID. */
function prefixOf(name: string): string {
  return name === 'p2p-peer' ? 'ERR_P2P_' : `ERR_${name.replaceAll('-', '_').toUpperCase()}_`;
}

t.test('error codes are unique, named after their package, and explained', async (t) => {
  const errors = documentedErrors(ROOT);
  t.ok(errors.length > 50, `${errors.length} errors found`);
  const places = new Map<string, string>();
  for (const { code, className, meaning, path } of errors) {
    const prefix = prefixOf(path.split('/')[1] ?? '');
    t.ok(code.startsWith(prefix), `${code} of ${path} starts with ${prefix}`);
    t.notOk(places.has(code), `${code} of ${className} is not in ${places.get(code)} too`);
    t.ok(meaning.length > 10, `${className} in ${path} has a comment that says what it means`);
    places.set(code, path);
  }
});

t.test('every limit has a reason', async (t) => {
  const files = sourceFiles(ROOT, 'limits.ts');
  const limits = files.flatMap((file) => limitsOfFile(file).map((limit) => ({ ...limit, file })));
  t.ok(limits.length > 50, `${limits.length} limits found`);
  for (const { name, reason, file } of limits) t.ok(reason.length > 10, `${name} in ${file.path}`);
});

/**
 * Writes the pages that follow from the code: docs/errors.md, docs/limits.md, docs/cli.md,
 * docs/metrics.md, docs/logs.md.
 * `npm run gen` writes them; with `--check` it writes nothing and fails when one is stale, as
 * test/generated-docs.test.ts does.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { renderCliPage } from './gen-docs/cli-page.ts';
import { renderErrorsPage } from './gen-docs/errors-page.ts';
import { renderLimitsPage } from './gen-docs/limits-page.ts';
import { renderLogsPage } from './gen-docs/logs-page.ts';
import { renderMetricsPage } from './gen-docs/metrics-page.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Every generated page: path from the root, and what it should hold now. */
async function renderPages(root = ROOT): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/errors.md', renderErrorsPage(root)],
    ['docs/limits.md', renderLimitsPage(root)],
    ['docs/cli.md', await renderCliPage()],
    ['docs/metrics.md', renderMetricsPage()],
    ['docs/logs.md', renderLogsPage()],
  ]);
}

/** Pages whose file differs from what it should hold. */
export async function stalePages(root = ROOT): Promise<string[]> {
  const pages = await renderPages(root);
  return [...pages].filter(([path, text]) => readPage(`${root}/${path}`) !== text).map(([p]) => p);
}

function readPage(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function main(): Promise<void> {
  if (argv.includes('--check')) {
    const stale = await stalePages();
    for (const path of stale) console.error(`${path} is stale: run 'npm run gen'`);
    if (stale.length > 0) process.exitCode = 1;
    return;
  }
  for (const [path, text] of await renderPages()) {
    writeFileSync(`${ROOT}/${path}`, text);
    console.log(`wrote ${path}`);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) await main();

/** Every link of the pages leads to a file of the checkout, and to a heading that it has. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { root } from './support/source-files.ts';

const PAGES = ['*.md', 'docs/**/*.md'];
const LINK = /\]\(([^)\s]+)\)/g;

/** As forges make them: lower case, no punctuation, dashes for spaces. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

t.test('links between the pages', async (t) => {
  const pages = PAGES.flatMap((pattern) => globSync(pattern, { cwd: root }));
  t.ok(pages.length > 20, `${pages.length} pages`);
  const wrong: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, link = ''] of text.matchAll(LINK)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      const isThere = existsSync(join(root, target));
      const isPage = isThere && target.endsWith('.md') && anchor !== undefined;
      if (
        !isThere ||
        (isPage && !anchorsOf(readFileSync(join(root, target), 'utf8')).has(anchor))
      ) {
        wrong.push(`${page}: ${link}`);
      }
    }
  }
  t.same(wrong, []);
});

/** The page's files as they are, with headers that forbid everything else. */
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { sendText } from './http-answer.ts';

type PageFile = { readonly type: string; readonly bytes: Buffer };

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

let files: ReadonlyMap<string, PageFile> | undefined;

/** False when the path is none of the page's. */
export function sendPageFile(response: ServerResponse, path: string): boolean {
  files ??= readPageFiles();
  const file = files.get(path);
  if (file === undefined) return false;
  sendText(response, 200, file.bytes, {
    'content-type': `${file.type}; charset=utf-8`,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
  return true;
}

function readPageFiles(): ReadonlyMap<string, PageFile> {
  const read = (type: string, url: URL): PageFile => ({ type, bytes: readFileSync(url) });
  const script = 'text/javascript';
  return new Map([
    ['/', read('text/html', new URL('../page/swarm-page.html', import.meta.url))],
    ['/swarm-page.css', read('text/css', new URL('../page/swarm-page.css', import.meta.url))],
    ['/swarm-page.js', read(script, new URL('../page/swarm-page.js', import.meta.url))],
    ['/swarm-hosts.js', read(script, new URL('../page/swarm-hosts.js', import.meta.url))],
    ['/swarm-sections.js', read(script, new URL('../page/swarm-sections.js', import.meta.url))],
    ['/page-elements.js', read(script, new URL('../page/page-elements.js', import.meta.url))],
  ]);
}

/** The page's files: three, as they are, with headers that forbid everything else. */
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
  const html = readFileSync(new URL('../page/swarm-page.html', import.meta.url));
  const script = readFileSync(new URL('../page/swarm-page.js', import.meta.url));
  const style = readFileSync(new URL('../page/swarm-page.css', import.meta.url));
  return new Map([
    ['/', { type: 'text/html', bytes: html }],
    ['/swarm-page.js', { type: 'text/javascript', bytes: script }],
    ['/swarm-page.css', { type: 'text/css', bytes: style }],
  ]);
}

/**
 * Which proxy a URL goes through, by the environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY and their
 * lower-case forms. Rules as curl and Go have them: loopback is never proxied, NO_PROXY lists hosts,
 * domain suffixes, addresses, CIDR ranges, each with an optional port, or `*`.
 */
import { BlockList, isIP } from 'node:net';
import { ClientConfigError } from '../errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for a URL, or undefined for a direct connection. Throws for a malformed variable. */
export function proxyForUrl(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = env[name.toLowerCase()] || env[name];
  if (value === undefined || value === '') return undefined;
  if (isLoopbackHost(url.hostname)) return undefined;
  const exempt = env['no_proxy'] || env['NO_PROXY'] || '';
  if (isExempt(url, exempt)) return undefined;
  return proxyUrl(value, name);
}

function proxyUrl(value: string, name: string): URL {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ClientConfigError(`the variable ${name} is not the URL of an HTTP proxy`, {
      remedy: `set ${name} to http://HOST:PORT or unset it`,
    });
  }
  return url;
}

/** `localhost`, 127.0.0.0/8, ::1. */
export function isLoopbackHost(hostname: string): boolean {
  const host = bareHost(hostname);
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

function isExempt(url: URL, list: string): boolean {
  const host = bareHost(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || matchesEntry(host, port, entry.toLowerCase()));
}

function matchesEntry(host: string, port: string, entry: string): boolean {
  if (entry.includes('/')) return matchesRange(host, entry);
  const withPort = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(entry);
  if (withPort !== null && withPort[3] !== port) return false;
  const name = withPort?.[1] ?? withPort?.[2] ?? entry.replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0) return host === name;
  const suffix = name.replace(/^\*?\./, '');
  return host === suffix || host.endsWith(`.${suffix}`);
}

function matchesRange(host: string, entry: string): boolean {
  const [network = '', bits = ''] = entry.split('/');
  const family = isIP(network);
  const prefix = Number(bits);
  const isSound = family !== 0 && /^\d{1,3}$/.test(bits) && prefix <= (family === 4 ? 32 : 128);
  if (!isSound || isIP(host) !== family) return false;
  const range = new BlockList();
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  range.addSubnet(network, prefix, kind);
  return range.check(host, kind);
}

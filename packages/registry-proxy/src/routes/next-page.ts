/** The link to the next page of a list, as a client of the proxy has to follow it. */
import type { ProxyRequest } from '../request/proxy-request.ts';

/** Undefined when there is no next page, or it is not below the same repository. */
export function nextPageLink(
  header: string | undefined,
  { upstream, repository, route }: Pick<ProxyRequest, 'upstream' | 'repository' | 'route'>,
): string | undefined {
  const target = /<([^<>]{1,2048})>\s*;\s*rel="?next"?/i.exec(header ?? '')?.[1];
  const url = target === undefined ? null : URL.parse(target, upstream.address.href);
  if (url === null || url.host !== upstream.address.host) return undefined;
  const base = upstream.address.pathname.replace(/\/+$/, '');
  const start = `${base}/v2/${repository}/`;
  if (!url.pathname.startsWith(start)) return undefined;
  const rest = url.pathname.slice(start.length);
  if (!/^(?:tags\/list|referrers\/[a-z0-9]+:[0-9a-f]+)$/.test(rest)) return undefined;
  url.searchParams.delete('ns');
  if (route.namespace !== undefined) url.searchParams.set('ns', route.namespace);
  return `</v2/${route.prefix}${repository}/${rest}${url.search}>; rel="next"`;
}

/** Where a server is, as text: `host:port`, `[IPv6]:port`. The only place that reads or writes it. */
import { isIPv6 } from 'node:net';
import { HostPortSyntaxError } from './errors.ts';

/** IPv6 addresses have no brackets here; names are as they were written. */
export type HostPort = { readonly host: string; readonly port: number };

const PORT_MAX = 65_535;
const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/;
const BARE_IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:\d{1,5}$/;

/** Throws `ERR_OCI_HOST_PORT`, which says what is wrong with it. */
export function parseHostPort(text: string): HostPort {
  const [, ipv6, name, digits] = HOST_PORT.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || digits === undefined) {
    const detail = BARE_IPV6.test(text)
      ? 'an IPv6 address stands in brackets before its port'
      : 'it is not HOST:PORT';
    throw new HostPortSyntaxError(text, detail);
  }
  if (ipv6 !== undefined && !isIPv6(ipv6)) {
    throw new HostPortSyntaxError(text, 'what stands in the brackets is no IPv6 address');
  }
  const port = Number(digits);
  if (port > PORT_MAX) throw new HostPortSyntaxError(text, `ports end at ${PORT_MAX}`);
  return { host, port };
}

/** For what is optional, or checked by something that says itself what is wrong. */
export function isHostPort(text: string): boolean {
  try {
    parseHostPort(text);
    return true;
  } catch {
    return false;
  }
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

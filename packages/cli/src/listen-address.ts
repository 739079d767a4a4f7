/** Addresses to listen at, as option values. */
import { type HostPort, parseHostPort } from '@shoal/oci/host-port';
import { InvalidArgumentError } from 'commander';

const ALL_ADDRESSES = /^:(\d+)$/;
const PORT_ALONE = /^\d{1,5}$/;

/** The same, but a port alone: what has no login is reached from this machine unless it is asked for. */
export function parseLocalAddress(text: string): HostPort {
  return parseListenAddress(PORT_ALONE.test(text) ? `127.0.0.1:${text}` : text);
}

/** `host:port`, `[address]:port`, `:port` for all addresses of the machine (`host` is '' then). */
export function parseListenAddress(text: string): HostPort {
  const port = ALL_ADDRESSES.exec(text)?.[1];
  if (port !== undefined) return { host: '', port: parseListenAddress(`all:${port}`).port };
  try {
    return parseHostPort(text);
  } catch (error) {
    const detail = error instanceof Error ? `${error.message}. ` : '';
    throw new InvalidArgumentError(`${detail}Give host:port, [address]:port or :port.`);
  }
}

/** Addresses to listen at, as option values. */
import { InvalidArgumentError } from 'commander';

/** `host` '': all addresses of the machine. */
export type ListenAddress = { readonly host: string; readonly port: number };

/** `host:port`, `[address]:port`, `:port` for all addresses of the machine. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{0,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new InvalidArgumentError('Give host:port, [address]:port or :port.');
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Addresses to listen at, as text: `host:port`. */

export type MetricsAddress = { readonly host: string; readonly port: number };

/** `host:port`, `[address]:port`; undefined when the text is neither. */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

export function formatMetricsAddress({ host, port }: MetricsAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

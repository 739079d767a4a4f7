/**
 * `hosts.toml` of containerd: which servers a registry's images are asked of, in which order and
 * how. Spec: containerd, docs/hosts.md. Keys that containerd does not know either are ignored.
 */
import { isAbsolute, join } from 'node:path';
import { parse } from 'smol-toml';
import * as z from 'zod';
import { HostsFileError } from '../errors.ts';
import { HOSTS_PER_REGISTRY_MAX } from '../limits.ts';
import { parseGoDuration } from './go-duration.ts';
import { HOST_CAPABILITIES, type RegistryHost, type TlsFiles } from './registry-host.ts';

const path = z.string().min(1);
const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

const hostSchema = z.looseObject({
  capabilities: z.array(z.string().toLowerCase().pipe(z.enum(HOST_CAPABILITIES))).optional(),
  ca: z.union([path, z.array(path)]).optional(),
  client: z.union([path, z.array(z.union([path, z.tuple([path, path])]))]).optional(),
  skip_verify: z.boolean().optional(),
  header: z
    .record(
      z.string().regex(HEADER_NAME, 'is not the name of a header'),
      z.union([
        z.string().regex(HEADER_VALUE, 'is not the value of a header'),
        z.array(z.string().regex(HEADER_VALUE, 'is not the value of a header')),
      ]),
    )
    .optional(),
  override_path: z.boolean().optional(),
  dial_timeout: z
    .string()
    .refine((text) => parseGoDuration(text) !== undefined, 'is not a duration such as 200ms')
    .optional(),
});

const fileSchema = hostSchema.extend({
  server: z.string().optional(),
  host: z.record(z.string(), hostSchema).optional(),
});

type HostTable = z.output<typeof hostSchema>;

/**
 * The hosts in the order in which they are asked, the registry's own server last. `directory` is
 * where the file lies: relative paths start there.
 *
 * @throws HostsFileError naming the file and what is wrong in it
 */
export function parseHostsFile(text: string, file: string, directory: string): RegistryHost[] {
  const parsed = fileSchema.safeParse(parseToml(text, file));
  if (!parsed.success) throw new HostsFileError(file, describeIssue(parsed.error));
  const { server = '', host = {} } = parsed.data;
  const names = Object.keys(host);
  if (names.length >= HOSTS_PER_REGISTRY_MAX) {
    throw new HostsFileError(file, `it names more than ${HOSTS_PER_REGISTRY_MAX} hosts`);
  }
  const tables: [string, HostTable][] = [...Object.entries(host), [server, parsed.data]];
  return tables.map(([name, table]) => ({
    url: name === '' ? undefined : apiUrl(name, table.override_path === true, file),
    capabilities: new Set(table.capabilities?.length ? table.capabilities : HOST_CAPABILITIES),
    headers: headersOf(table),
    tls: tlsOf(table, directory),
    connectTimeoutMs:
      table.dial_timeout === undefined ? undefined : parseGoDuration(table.dial_timeout),
  }));
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const line = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new HostsFileError(file, `it is not TOML: ${line}`, { cause: error });
  }
}

/** `/v2` follows the path unless it is there or the path is the API's root itself. */
function apiUrl(name: string, isWholePath: boolean, file: string): URL {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(name)?.[1];
  const url = URL.parse(scheme === undefined ? `https://${name}` : name);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new HostsFileError(file, `${JSON.stringify(name.slice(0, 200))} is not a server`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new HostsFileError(file, `the server ${url.host} is written with a user or password`);
  }
  const trimmed = url.pathname.replace(/\/+$/, '');
  url.pathname = isWholePath || trimmed.endsWith('/v2') ? trimmed : `${trimmed}/v2`;
  url.search = '';
  url.hash = '';
  return url;
}

function headersOf({ header = {} }: HostTable): Record<string, string> {
  return Object.fromEntries(
    Object.entries(header).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}

function tlsOf({ ca = [], client = [], skip_verify }: HostTable, directory: string): TlsFiles {
  const absolute = (file: string) => (isAbsolute(file) ? file : join(directory, file));
  const pairs = typeof client === 'string' ? [client] : client;
  return {
    caFiles: (typeof ca === 'string' ? [ca] : ca).map(absolute),
    clientPairs: pairs.map((pair) => {
      const [certificate, key] = typeof pair === 'string' ? [pair, pair] : pair;
      return { certificate: absolute(certificate), key: absolute(key) };
    }),
    insecure: skip_verify,
  };
}

function describeIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  if (issue === undefined) return 'it is not valid';
  return `${issue.path.join('.')}: ${issue.message}`;
}

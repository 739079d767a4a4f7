/** Archives for tests, built with our own encoder plus hooks for what it never writes. */
import { tarPadding } from '@shoal/oci';
import type { TarEntryInput } from '../../src/tar/tar-encoder.ts';
import { encodeTarEnd, encodeTarEntry } from '../../src/tar/tar-encoder.ts';

type Spec = {
  name: string | Buffer;
  type?: TarEntryInput['type'];
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  nanoseconds?: number;
  link?: string | Buffer;
  device?: readonly [number, number];
  xattrs?: Readonly<Record<string, string | Buffer>>;
  content?: string | Buffer;
};

const bytes = (value: string | Buffer) => (typeof value === 'string' ? Buffer.from(value) : value);

/** One entry with its content and padding. */
export function tarEntry(spec: Spec): Buffer {
  const content = bytes(spec.content ?? '');
  const type = spec.type ?? 'regular';
  const head = encodeTarEntry({
    name: bytes(spec.name),
    type,
    mode: spec.mode ?? (type === 'directory' ? 0o755 : 0o644),
    uid: spec.uid ?? 0,
    gid: spec.gid ?? 0,
    size: type === 'regular' ? content.length : 0,
    mtime: { seconds: spec.mtime ?? 1_600_000_000, nanoseconds: spec.nanoseconds ?? 0 },
    linkName: bytes(spec.link ?? ''),
    deviceMajor: spec.device?.[0] ?? 0,
    deviceMinor: spec.device?.[1] ?? 0,
    xattrs: Object.entries(spec.xattrs ?? {}).map(([name, value]) => ({
      name: Buffer.from(name),
      value: bytes(value),
    })),
  });
  return Buffer.concat([head, content, Buffer.alloc(tarPadding(content.length))]);
}

/** A whole archive. */
export function tarOf(...specs: Spec[]): Buffer {
  return Buffer.concat([...specs.map(tarEntry), encodeTarEnd()]);
}

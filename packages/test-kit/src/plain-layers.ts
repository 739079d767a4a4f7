/** Two ordinary layers that every image tool can digest: what real images are made of, no traps. */
import { type TarSpec, writeTar } from './tar-writer.ts';
import { noise } from './torture-layers.ts';

/** The archives of the layers, lowest first; about 4 MB together. */
export function plainLayers(): Buffer[] {
  return [lower(), upper()];
}

function lower(): Buffer {
  const entries: TarSpec[] = [
    { name: './', type: 'directory' },
    { name: 'bin/', type: 'directory' },
    { name: 'bin/tool', content: noise(1_300_000, 'tool'), mode: 0o755 },
    { name: 'bin/tool-too', type: 'hardlink', link: 'bin/tool', mode: 0o755 },
    { name: 'bin/link', type: 'symlink', link: 'tool' },
    { name: 'bin/su', content: 'suid', mode: 0o4755 },
    { name: 'etc/', type: 'directory', uid: 10, gid: 20, mtime: 1_500_000_000 },
    { name: 'etc/text', content: 'a line of text that compresses well\n'.repeat(4000) },
    { name: 'etc/empty' },
    { name: 'etc/gone', content: 'removed above' },
    { name: 'etc/xattr', content: 'x', xattrs: { 'user.name': 'value' } },
    { name: 'dev/', type: 'directory' },
    { name: 'dev/null', type: 'character', device: [1, 3], mode: 0o666 },
    { name: 'dev/pipe', type: 'fifo' },
    { name: 'opaque/', type: 'directory' },
    { name: 'opaque/below', content: 'hidden' },
    { name: 'zeros', content: Buffer.alloc(1_200_000) },
    { name: 'many/', type: 'directory' },
  ];
  for (let number = 0; number < 200; number++) {
    const content = noise(number * 37, `many-${number}`);
    entries.push({ name: `many/file-${number}`, content });
  }
  return writeTar(entries);
}

function upper(): Buffer {
  return writeTar([
    { name: 'etc/', type: 'directory', mode: 0o751 },
    { name: 'etc/.wh.gone', content: '' },
    { name: 'etc/text', content: 'replaced\n' },
    { name: 'opaque/', type: 'directory' },
    { name: 'opaque/.wh..wh..opq', content: '' },
    { name: 'opaque/above', content: 'seen' },
    { name: 'upper', content: noise(900_000, 'upper') },
    { name: 'same-as-tool', content: noise(1_300_000, 'tool') },
  ]);
}

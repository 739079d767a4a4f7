/** Replays archives with the content kept in memory instead of chunks. */
import { createHash } from 'node:crypto';
import { byteString } from '@shoal/rafs';
import { LayerApplier } from '../../src/layer/apply-layer.ts';
import { EntryWriter, readEntries } from '../../src/layer/entry-codec.ts';
import type { Directory, Inode } from '../../src/layer/image-tree.ts';
import { implicitDirectory } from '../../src/layer/image-tree.ts';
import { TarLayerHandler } from '../../src/layer/tar-layer.ts';
import { TreeBudget } from '../../src/layer/tree-budget.ts';
import { TarDecoder } from '../../src/tar/tar-decoder.ts';

/** Stands in for the chunk cutter: each file is one chunk, whatever its size. */
export class ChunkIndexOfContent {
  readonly contents: Buffer[] = [];
  #pieces: Buffer[] = [];

  openFile(): void {
    this.#pieces = [];
  }
  write(bytes: Buffer): void {
    this.#pieces.push(Buffer.from(bytes));
  }
  writeHole(length: number): void {
    this.#pieces.push(Buffer.alloc(length));
  }
  closeFile(): number[] {
    this.contents.push(Buffer.concat(this.#pieces));
    return [this.contents.length - 1];
  }

  digestOf(inode: Inode): string {
    const number = typeof inode.chunks === 'number' ? inode.chunks : -1;
    return createHash('sha256')
      .update(this.contents[number] ?? '')
      .digest('hex');
  }
}

export function replay(layers: readonly Buffer[], contents: ChunkIndexOfContent): Directory {
  const root = implicitDirectory();
  const budget = new TreeBudget(root);
  for (const [index, layer] of layers.entries()) {
    const entries = new EntryWriter('#');
    const handler = new TarLayerHandler(entries, contents as never);
    const decoder = new TarDecoder(handler);
    decoder.write(layer);
    decoder.end();
    const applier = new LayerApplier(root, {
      layer: `#${index + 1}`,
      number: index + 1,
      chunkOf: (local) => local,
      onWarning: () => {},
      budget,
    });
    for (const entry of readEntries(entries.finish())) applier.apply(entry);
  }
  return root;
}

export const name = (text: string) => byteString(Buffer.from(text));

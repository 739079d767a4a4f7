/** Archives replayed into a tree whose content can be compared. */
import { createHash } from 'node:crypto';
import { ChunkIndex } from '../../src/chunk/chunk-index.ts';
import { MergedTreeView } from '../../src/image/merged-tree-view.ts';
import { ChunkIndexOfContent, replay } from './replay.ts';

export function hashedTree(...layers: Buffer[]): MergedTreeView {
  const contents = new ChunkIndexOfContent();
  const root = replay(layers, contents);
  const chunks = new ChunkIndex();
  for (const content of contents.contents) {
    const digest = createHash('sha256').update(content).digest();
    const place = { blob: 0, index: 0, storedOffset: 0, storedSize: 0, offset: 0 };
    chunks.add(digest, 0, { ...place, size: content.length });
  }
  return new MergedTreeView(root, chunks);
}

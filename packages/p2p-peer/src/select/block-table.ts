/** The blocks of a range that is being read: which are open, which are left, which a range touches. */
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { Block, type BlockState, splitFront, splitRange } from './block-state.ts';
import type { ReadPolicy } from './read-policy.ts';

export type BlockSizes = Pick<ReadPolicy, 'blockBytes' | 'frontBytes'>;

export class BlockTable {
  readonly #blocks: readonly Block[];
  /** Of them, what is waited for. */
  readonly #front: readonly Block[];
  readonly #open = new Set<Block>();
  #openBytes = 0;
  #unsettled: number;
  #next = 0;

  constructor(range: ByteRange, { blockBytes, frontBytes }: BlockSizes) {
    const [front, rest] = splitFront(range, frontBytes).map((part) =>
      splitRange(part, blockBytes).map((block) => new Block(block)),
    );
    this.#front = rest === undefined ? [] : (front ?? []);
    this.#blocks = [...(front ?? []), ...(rest ?? [])];
    this.#unsettled = this.#blocks.length;
  }

  get isSettled(): boolean {
    return this.#unsettled === 0;
  }

  /** Bytes of blocks that peers are asked for, or that wait to be asked for. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** As they are now, however they change meanwhile. */
  open(): Block[] {
    return [...this.#open];
  }

  unsettled(): Block[] {
    return this.#blocks.filter((block) => !block.isSettled);
  }

  /** The next one that nobody has looked at; each once. What comes along goes behind what is waited for. */
  takeNew(): Block | undefined {
    const isFrontHere = this.#front.every((block) => block.isSettled);
    const end = isFrontHere ? this.#blocks.length : this.#front.length;
    while (this.#next < end) {
      const block = this.#blocks[this.#next++];
      if (block?.state.kind === 'new') return block;
    }
    return undefined;
  }

  enter(block: Block, state: BlockState): void {
    const wasOpen = block.isOpen;
    block.state = state;
    if (block.isSettled) this.#unsettled -= 1;
    if (block.isOpen === wasOpen) return;
    this.#openBytes += wasOpen ? -rangeBytes(block.range) : rangeBytes(block.range);
    if (wasOpen) this.#open.delete(block);
    else this.#open.add(block);
  }

  /** Those not settled that have any byte of it. */
  within({ start, end }: ByteRange): Block[] {
    const blocks: Block[] = [];
    for (let index = this.#indexAt(start); index < this.#blocks.length; index++) {
      const block = this.#blocks[index];
      if (block === undefined || block.range.start >= end) break;
      if (!block.isSettled) blocks.push(block);
    }
    return blocks;
  }

  /** Of the first block that ends behind `offset`. */
  #indexAt(offset: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.range.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

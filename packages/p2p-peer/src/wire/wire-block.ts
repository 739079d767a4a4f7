/** Which bytes a message of a wire is about. */

/** A block as requests name it; the offset is inside the piece. All unsigned, nothing else checked. */
export type WireBlock = {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
};

/** Seeded mutations of a byte string: the same seed gives the same input on any machine. */

/** A small, fast generator (mulberry32); returns numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

type Mutation = (bytes: Buffer, below: (limit: number) => number) => Buffer;

/** Values at the edges of what fields hold. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff] as const;

const MUTATIONS: readonly Mutation[] = [
  (bytes, below) => {
    const at = below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    return bytes;
  },
  (bytes, below) => {
    bytes[below(bytes.length)] = below(256);
    return bytes;
  },
  (bytes, below) => {
    if (bytes.length < 4) return bytes;
    const value = EDGES[below(EDGES.length)] ?? 0;
    bytes.writeUInt32LE(value, below(bytes.length - 3));
    return bytes;
  },
  (bytes, below) => {
    if (bytes.length < 8) return bytes;
    const value = BigInt(EDGES[below(EDGES.length)] ?? 0) << BigInt(below(33));
    bytes.writeBigUInt64LE(value, below(bytes.length - 7));
    return bytes;
  },
  (bytes, below) => bytes.subarray(0, below(bytes.length + 1)),
  (bytes, below) => bytes.subarray(below(bytes.length)),
  (bytes, below) => Buffer.concat([bytes, Buffer.alloc(1 + below(4096), below(256))]),
  (bytes, below) => {
    const from = below(bytes.length);
    const length = below(Math.min(512, bytes.length - from) + 1);
    bytes.copy(bytes, below(bytes.length), from, from + length);
    return bytes;
  },
  (bytes, below) => {
    const from = below(bytes.length);
    bytes.fill(below(2) === 0 ? 0 : 0xff, from, Math.min(bytes.length, from + below(256)));
    return bytes;
  },
];

/** Applies one to eight mutations to a copy. */
export function mutate(sample: Uint8Array, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  let bytes: Buffer = Buffer.from(sample);
  for (let left = 1 + below(8); left > 0; left--) {
    if (bytes.length === 0) bytes = Buffer.alloc(1 + below(64), below(256));
    const mutation = MUTATIONS[below(MUTATIONS.length)];
    if (mutation !== undefined) bytes = mutation(bytes, below);
  }
  return bytes;
}

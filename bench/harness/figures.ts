/** Small statistics over repeated measurements. The median is what is quoted. */

/** Median of at least one value. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The q-quantile (nearest rank) of at least one value. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1));
  const value = sorted[rank];
  if (value === undefined) throw new RangeError('no values');
  return value;
}

/** Runs `measure` for every name in turn, A B C A B C, so that drift of the machine hits all alike. */
export async function measureInTurn<T>(
  runs: number,
  contestants: ReadonlyMap<string, () => Promise<T>>,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>();
  for (let run = 0; run < runs; run++) {
    for (const [name, measure] of contestants) {
      const list = results.get(name) ?? [];
      list.push(await measure());
      results.set(name, list);
    }
  }
  return results;
}

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

/**
 * Runs `measure` for every name in turn, so that drift of the machine hits all alike; who goes first
 * changes from round to round.
 */
export async function measureInTurn<T>(
  runs: number,
  contestants: ReadonlyMap<string, () => Promise<T>>,
): Promise<Map<string, T[]>> {
  const results = new Map([...contestants.keys()].map((name): [string, T[]] => [name, []]));
  const order = [...contestants];
  for (let run = 0; run < runs; run++) {
    for (const [name, measure] of order) results.get(name)?.push(await measure());
    order.push(...order.splice(0, 1));
  }
  return results;
}

/**
 * The median over rounds of what `values` took by what `reference` took in the same round: a pause of
 * the machine spoils the rounds it falls into, not the ratio.
 */
export function ratioInTurn(values: readonly number[], reference: readonly number[]): number {
  return median(values.map((value, round) => value / (reference[round] ?? Number.NaN)));
}

/** Milliseconds that only grow, as `performance.now()` gives them. */
export type Clock = () => number;

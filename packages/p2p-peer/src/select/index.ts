/** Whom to ask for which bytes, and how much to give: decisions only, without I/O or clock. */
export { BLOCK_BYTES_MAX, EXTENT_BYTES, HOME_RANKS, PIECE_BYTES } from '../limits.ts';
export * from './bans.ts';
export { mergeRanges, splitRange } from './block-state.ts';
export * from './candidate.ts';
export * from './choose-holder.ts';
export * from './credits.ts';
export * from './download-window.ts';
export * from './homes-of.ts';
export * from './latency-estimate.ts';
export * from './neighbour-policy.ts';
export * from './origin-lottery.ts';
export * from './range-read.ts';
export * from './read-action.ts';
export * from './read-policy.ts';
export * from './refusal-streaks.ts';
export * from './refusals.ts';
export * from './token-bucket.ts';
export * from './upload-slots.ts';

/** The daemon of a host and the client of its control socket. */
export type { DaemonPaths, PathChoice } from './paths.ts';
export { daemonPaths } from './paths.ts';

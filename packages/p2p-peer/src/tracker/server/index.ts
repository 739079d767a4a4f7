/** The tracker. Apart from the rest, because hosts that only share need nothing of it. */
export type { HostGrant } from './host-policy.ts';
export { TrackerServer, type TrackerServerOptions } from './tracker-server.ts';

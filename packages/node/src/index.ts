/** The daemon of a host and the client of its control socket. */
export * from './client.ts';
export { type DoctorReport, examineHost } from './doctor.ts';
export { runDaemon } from './run-daemon.ts';
export { type RunningPeer, type StartPeerOptions, startPeer } from './start-peer.ts';
export { newestBeside, ownHome, programOf } from './upgrade/installed-versions.ts';
export { takeOverWaiting, upgradeToThis } from './upgrade/upgrade.ts';

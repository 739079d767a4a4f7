/** Hosts share the stored bytes of blobs with each other over the BitTorrent wire. */
export * from './errors.ts';
export * from './identity/host.ts';
export * from './identity/peer-id.ts';
export * from './identity/swarm-id.ts';
export * from './ranges/byte-range.ts';
export * from './ranges/range-codec.ts';
export * from './ranges/range-set.ts';
export { type Cursor, readVarint, varintBytes, writeVarint } from './ranges/varint.ts';
export * from './select/bans.ts';
export { mergeRanges, splitRange } from './select/block-state.ts';
export * from './select/candidate.ts';
export * from './select/choose-holder.ts';
export * from './select/homes-of.ts';
export * from './select/neighbour-policy.ts';
export * from './select/origin-lottery.ts';
export * from './select/range-read.ts';
export * from './select/read-action.ts';
export * from './select/read-policy.ts';
export * from './select/token-bucket.ts';
export * from './select/upload-slots.ts';
export * from './torrent/index.ts';
export {
  AuthorityFile,
  createAuthority,
  type IssuedCertificate,
  issueCertificate,
} from './trust/authority.ts';
export * from './trust/certificate-identity.ts';
export type { CertificateRequest } from './trust/certificate-request.ts';
export * from './trust/errors.ts';
export * from './trust/grant.ts';
export * from './trust/identity-files.ts';
export * from './trust/limits.ts';
export { writePrivateFile } from './trust/private-file.ts';
export {
  type IdentityPaths,
  identityPathsIn,
  loadTlsIdentity,
  TlsIdentity,
} from './trust/tls-identity.ts';
export * from './trust/token.ts';
export * from './trust/token-keys.ts';
export * from './trust/token-store.ts';
export * from './wire/blob-wire.ts';
export * from './wire/errors.ts';
export type { AcceptedBlob } from './wire/host-greeting.ts';
export * from './wire/limits.ts';
export * from './wire/open-wire.ts';
export * from './wire/plain-wires.ts';
export * from './wire/wire-listener.ts';
export * from './wire/wire-log.ts';
export type { WireIdentity, WireTrust } from './wire/wire-trust.ts';

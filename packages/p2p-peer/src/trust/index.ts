/** Certificates, identities, tokens: who is who in a cluster, and who may read what. */
export {
  AuthorityFile,
  createAuthority,
  type IssuedCertificate,
  issueCertificate,
} from './authority.ts';
export * from './certificate-identity.ts';
export type { CertificateRequest } from './certificate-request.ts';
export * from './errors.ts';
export * from './grant.ts';
export * from './identity-files.ts';
export * from './limits.ts';
export { writePrivateFile } from './private-file.ts';
export {
  type IdentityPaths,
  identityPathsIn,
  loadTlsIdentity,
  TlsIdentity,
} from './tls-identity.ts';
export * from './token.ts';
export * from './token-keys.ts';
export * from './token-store.ts';

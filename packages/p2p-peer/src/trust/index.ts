/** Certificates, identities, tokens: who is who in a cluster, and who may read what. */
export { AuthorityFile, createAuthority, issueCertificate } from './authority.ts';
export type { CertificateRole } from './certificate-identity.ts';
export * from './errors.ts';
export { IdentityFiles } from './identity-files.ts';
export { writePrivateFile } from './private-file.ts';
export { type IdentityPaths, identityPathsIn } from './tls-identity.ts';
export { type SignedToken, signToken, type TokenRequest, verifyToken } from './token.ts';
export { loadTokenKey, loadTokenPublicKeys } from './token-keys.ts';

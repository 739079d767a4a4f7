/**
 * Images wherever they are, without the client of registries, which is loaded when a reference names
 * one: a command that converts from directory to directory starts a third of a second sooner.
 */
export * from './errors.ts';
export { claimPath, type PathClaim } from './local/path-claim.ts';
export { openSource, openTarget } from './open.ts';
export { isPathWithin, isSameReference } from './same-reference.ts';
export { findConvertedImage } from './select/find-converted-image.ts';
export { imagesBelow } from './select/images-of-index.ts';
export { readConfig, readDocument } from './select/read-document.ts';
export { listPlatforms, selectManifest } from './select/select-manifest.ts';

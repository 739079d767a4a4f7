/**
 * Every maximum of the OCI documents, each with its reason. They come from a stranger: whatever they
 * make us hold or walk is bounded here.
 */

/** One manifest or index: the distribution specification lets registries refuse more. */
export const MANIFEST_BYTES_MAX = 4 << 20;
/** One image configuration: real ones with long histories stay below 1 MiB. */
export const IMAGE_CONFIG_BYTES_MAX = 8 << 20;
/** Layers of one manifest; runtimes stop near 127. */
export const MANIFEST_LAYERS_MAX = 4096;
/** Manifests of one index: a layout directory shared by a build farm holds hundreds. */
export const INDEX_MANIFESTS_MAX = 16384;
/** Objects and arrays inside each other: documents use 6, recursion over them must end. */
export const JSON_DEPTH_MAX = 64;
/** A repository name: the distribution specification's advice. */
export const REPOSITORY_LENGTH_MAX = 255;
/** A reference as text: Linux PATH_MAX plus its prefix, tag and digest. */
export const REFERENCE_LENGTH_MAX = 4096 + 512;

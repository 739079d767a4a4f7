/**
 * Every maximum of lazily loaded images, each with its reason.
 */

/** What is remembered of a layer: two names and three digests, many times over. */
export const LAZY_MARK_BYTES_MAX = 4096;
/** Reason in a mark, in characters: a sentence; the rest is in the log. */
export const LAZY_REASON_LENGTH_MAX = 512;
/** A pull waits so long for a registry to say whether an image is converted. */
export const LOOKUP_DEADLINE_MS = 2_000;
/** And so much longer, once that is known, for the image to be mounted: fetching it would take longer. */
export const LOOKUP_MOUNT_MS_MAX = 8_000;
/** Look-ups and mounts of images at the same time: a storm of pulls must not become one of requests. */
export const LOOKUPS_PARALLEL_MAX = 8;
/** A look-up goes on behind the pull that asked, for its next layers, but not for ever. */
export const LOOKUP_TOTAL_MS_MAX = 60_000;
/** A registry that has said nothing for so long is asked again by the next pull: it hung. */
export const LOOKUP_STUCK_MS = 10_000;
/** What a look-up said holds for the layers of one pull; the next pull asks again what was not found. */
export const LOOKUP_REMEMBERED_MS = 60_000;
/** Look-ups remembered: images that a host pulls within a minute, many times over. */
export const LOOKUP_MEMORY_MAX = 1024;
/** Commit waits so long for containerd's content store: containerd holds its database meanwhile. */
export const COMMIT_DEADLINE_MS = 5_000;
/** A container waits so long for an image that is not mounted although it should be. */
export const LOWER_DEADLINE_MS = 30_000;
/** An image that no snapshot stands for stays mounted so long for the pull that asked for it. */
export const CLAIM_MS_MAX = 600_000;
/** How often claims are looked through. */
export const CLAIMS_CHECK_MS = 60_000;
/** Files of an unpacked bootstrap layer together: as for one that is fetched. */
export const UNPACKED_BOOTSTRAP_BYTES_MAX = 1 << 30;
/** Files of an unpacked bootstrap layer that are looked at: 255 blobs and some. */
export const UNPACKED_BOOTSTRAP_FILES_MAX = 1024;
/** Refused images that are remembered, so that a retry costs nothing. */
export const REFUSED_IMAGES_MAX = 256;
/** Labels of one entry of containerd's content store that are looked at: one a layer. */
export const CONTENT_LABELS_MAX = 8192;
/** Layers fetched after all at the same time, for the whole daemon: each is unpacked by a process. */
export const RESTORES_PARALLEL_MAX = 2;
/** A layer that takes longer to fetch and unpack is given up, and tried again by the next request. */
export const RESTORE_MS_MAX = 1_800_000;

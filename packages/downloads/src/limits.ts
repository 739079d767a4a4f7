/** Every maximum of the package, each with its reason. */

/** One read through a source of ranges: what a mirror and a preheat read at a time, too. */
export const PART_BYTES = 4 << 20;
/** Parts under way at the same time: enough to fill a link that answers late, 16 MiB of memory. */
export const PARTS_AHEAD = 4;
/** Written before it is synced and the journal says so: what a lost machine has to fetch again. */
export const SYNC_BYTES = 64 << 20;
/** The same in time, for slow links. */
export const SYNC_MS = 5_000;
/** A journal: a version, a name of what is fetched, a digest, two numbers. */
export const JOURNAL_BYTES_MAX = 16 << 10;
/** What a journal says it is of: a URL with its ETag, or a reference with a path. */
export const IDENTITY_CHARACTERS_MAX = 8192;
/** Bytes hashed before others of the process have their turn. */
export const HASH_BYTES = 1 << 20;
/** A file name, as file systems have it; what stands behind it while it is fetched has to fit, too. */
export const NAME_BYTES_MAX = 255 - 16;
/** The path that a layer of an artifact names, below the directory. */
export const TITLE_BYTES_MAX = 4096;
/** Titles that an error names when the wanted one is not there. */
export const TITLES_NAMED_MAX = 10;

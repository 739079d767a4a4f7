/** Every maximum of the snapshot service, each with its reason. */

/** Bytes of a snapshot's name: containerd's own are below 300; a record of it stays small. */
export const SNAPSHOT_NAME_BYTES_MAX = 4096;
/** Bytes of a wanted chain id, which is a digest: the name made of it has room for more. */
export const TARGET_BYTES_MAX = 1024;
/** Bytes of a label's key and value together: containerd's own limit. */
export const LABEL_BYTES_MAX = 4096;
/** Labels of one snapshot: containerd and its clients set some twenty. */
export const LABELS_MAX = 512;
/** Bytes of all labels of a snapshot together: a batch of a listing stays small. */
export const LABELS_BYTES_MAX = 256 << 10;
/** Filters of one listing, joined by OR. */
export const FILTERS_MAX = 256;
/** Bytes of one filter: a name and a label, several times over. */
export const FILTER_BYTES_MAX = 32 << 10;
/** Bytes of a regular expression in a filter: its automaton stays small. */
export const FILTER_REGEXP_BYTES_MAX = 1024;
/** Fields that one update names. */
export const UPDATE_FIELDS_MAX = 512;
/** Ancestors of a snapshot: overlayfs stacks 500 directories; a longer chain is a circle. */
export const CHAIN_MAX = 1024;
/** Records that are read from the database at once. */
export const LIST_READ_MAX = 256;
/** Directories given to one process that deletes them. */
export const REMOVE_BATCH_MAX = 200;
/** How long the directory of a removed snapshot waits for others to be deleted with it. */
export const REMOVE_DELAY_MS = 200;
/** Ranges of one id mapping: the kernel's own limit. */
export const ID_RANGES_MAX = 340;
/** Free bytes with which a database that had a full disk is opened again: its tables are 4 MiB. */
export const REOPEN_BYTES_FREE_MIN = 8 << 20;
/** Bytes of a table of the database that a repair looks at: LevelDB's own have some 4 MiB. */
export const TABLE_BYTES_MAX = 256 << 20;
/** Bytes of a block of such a table, uncompressed: 4 KiB and a record; the index has some 30 for each. */
export const BLOCK_BYTES_MAX = 16 << 20;

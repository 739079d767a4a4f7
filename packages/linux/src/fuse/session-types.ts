/**
 * What a flat FUSE session is from the outside: one kernel connection whose root directory holds
 * plain files, each backed by a sparse device file and a map of the blocks that are present.
 */

/** One file of the session. */
export type FlatFile = {
  /**
   * The FUSE node id: 2 or more, a safe integer, the same after every restart (a successor answers
   * requests that name it). Derive it from the content's identity or persist it.
   */
  readonly fileId: number;
  /** Name in the root directory: no slash, 1-255 bytes. */
  readonly name: string;
  readonly sizeBytes: number;
  /** The device file; the session opens it once, read-only. */
  readonly path: string;
  /** One bit per 4 KiB block, least significant first: set once the block may be read. */
  readonly readyMap: SharedArrayBuffer;
};

/** What INIT agreed. JSON-able: a successor needs it because no second INIT ever comes. */
export type InitAgreement = {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly maxWrite: number;
  readonly maxPages: number;
  /** The 64 flag bits as a decimal text (JSON has no 64-bit integers). */
  readonly flags: string;
};

/** Things worth a log line; none needs an answer. */
export type SessionEvent =
  | {
      readonly kind: 'miss-failed';
      readonly fileId: number;
      readonly offset: number;
      readonly length: number;
      readonly errno: number;
      readonly error: unknown;
    }
  | {
      readonly kind: 'not-ready-after-miss';
      readonly fileId: number;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly kind: 'device-read-failed';
      readonly fileId: number;
      readonly offset: number;
      readonly length: number;
      readonly errno: number;
    }
  | { readonly kind: 'bad-request'; readonly error: unknown }
  | { readonly kind: 'reply-refused'; readonly error: unknown }
  | { readonly kind: 'worker-failed'; readonly error: unknown }
  /** Too many in a minute: this process cannot serve, another one perhaps can. Mounts stay. */
  | { readonly kind: 'workers-keep-failing'; readonly error: unknown }
  /** The kernel ended the connection (unmounted or aborted): no more requests will come. */
  | { readonly kind: 'disconnected' };

/** Counters since the session was opened or adopted. */
export type SessionStats = {
  readonly requests: number;
  readonly reads: number;
  /** Reads answered by a worker at once. */
  readonly readyReads: number;
  /** Reads that had to wait for `onMiss`. */
  readonly missReads: number;
  readonly failedReads: number;
  readonly bytesRead: number;
  /** Reads that wait now. */
  readonly waiting: number;
  readonly files: number;
  readonly threads: number;
};

export type MissCall = {
  readonly signal: AbortSignal;
  /**
   * An eventfd: whoever makes blocks ready may signal it, from any thread, and readers of ready blocks are
   * answered at once; else they are when `onMiss` resolves. It is never closed.
   */
  readonly readyEventFd: number;
};

export type FlatSessionOptions = {
  /**
   * Fetches a range so that its blocks become ready, and resolves with nothing; or resolves with
   * exactly the range's bytes when they could not be kept (a full disk). A rejection is the
   * reader's errno.
   */
  readonly onMiss: (
    fileId: number,
    offset: number,
    length: number,
    call: MissCall,
  ) => Promise<Uint8Array | undefined>;
  /** The errno (positive) a reader gets for a rejection of `onMiss`. */
  readonly errnoOf: (error: unknown) => number;
  /** Worker threads, about 13 MiB each. @default 2 */
  readonly threads?: number;
  /** Files known from the start; an adopting session needs every file that mounts use. */
  readonly files?: readonly FlatFile[];
  readonly onEvent?: (event: SessionEvent) => void;
};

export type OpenSessionOptions = FlatSessionOptions & {
  /**
   * Where to attach the mount (a directory only root may enter). Leave it out: the mount stays
   * detached, has no place in any name space, and nobody's `df` can hang on it.
   */
  readonly mountpoint?: string;
};

export type AdoptSessionOptions = FlatSessionOptions & {
  /** The `/dev/fuse` descriptor; the session owns it from now on. */
  readonly fd: number;
  /** The detached mount's descriptor, or the directory it is attached to. */
  readonly mount: { readonly fd: number } | { readonly mountpoint: string };
  readonly init: InitAgreement;
};

export interface FlatFuseSession extends AsyncDisposable {
  /** The `/dev/fuse` descriptor: give it to a holder. */
  readonly fd: number;
  /** The detached mount's descriptor (give it to the holder too); undefined when attached. */
  readonly mountFd: number | undefined;
  readonly init: InitAgreement;
  /** Resolves when every worker serves the file. */
  addFile(file: FlatFile): Promise<void>;
  /** Serves an added file from another device file and map from now on; size and name stay. */
  replaceFile(file: FlatFile): Promise<void>;
  /** Resolves when no worker serves it any more. Readers still waiting get ESTALE. */
  removeFile(fileId: number): Promise<void>;
  /**
   * Resolves when the kernel says that nobody has the file open any more (a file system above
   * closes its devices only when its last user is gone, also after a lazy unmount), or the session
   * ends. Right also for what was opened before this process took over.
   */
  untilClosed(fileId: number): Promise<void>;
  /**
   * Answers every read of the file that waits now with EIO and aborts its `onMiss`: for a mount that
   * has gone, whose end the kernel delays until reads of killed readers are answered.
   */
  failWaiting(fileId: number): Promise<void>;
  /** A path that opens the file in this process, good for `device=` of EROFS. */
  pathOf(fileId: number): string;
  stats(): SessionStats;
  /**
   * Stops serving and leaves mount and waiting requests to a successor, who must hold `fd`.
   * Aborts running `onMiss` calls; no request is answered any more.
   */
  detach(): Promise<void>;
  /** Ends the connection: waiting readers get EIO, the mount is gone. Idempotent, never hangs. */
  close(): Promise<void>;
}

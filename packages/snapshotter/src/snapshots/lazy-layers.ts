/**
 * What the snapshot service asks of the part that loads images lazily. The service keeps the
 * snapshots; the lazy part says which layers need not be fetched, and what stands for them.
 *
 * The two share a *mark*: a short opaque text which the lazy part gives, and which the service keeps
 * in the snapshot's record, beside its labels and out of the reach of `Update`. It outlives restarts,
 * goes with the snapshot from active to committed, and is given back with it.
 */

export type Labels = Readonly<Record<string, string>>;

/** At most 4096 bytes; only the lazy part looks inside. */
export type LazyMark = string & { readonly __brand: 'LazyMark' };

/** Of what the lazy part made, or a record holds. It is looked into when its content is wanted. */
export function lazyMark(text: string): LazyMark {
  return text as LazyMark;
}

/** A committed snapshot, as far as the lazy part looks at it. */
export type CommittedSnapshot = {
  readonly id: number;
  /** As containerd calls it at this service: `<namespace>/<sequence>/<name>`. */
  readonly name: string;
  readonly labels: Labels;
  readonly mark?: LazyMark | undefined;
  /** `ROOT/snapshots/<id>`: its `fs` holds the layer. */
  readonly directory: string;
};

/** A snapshot and its ancestors, nearest first. */
export type SnapshotChain = readonly CommittedSnapshot[];

export type LayerRequest = {
  readonly key: string;
  readonly labels: Labels;
  /** Of the new snapshot's parent; empty without one. */
  readonly parents: SnapshotChain;
  readonly signal: AbortSignal;
};

export type LayerDecision =
  /** Commit it at once, with the labels of the request, and answer that it exists already. */
  | { readonly kind: 'skip'; readonly mark: LazyMark }
  /** Go on as with any layer, and keep the mark. */
  | { readonly kind: 'unpack'; readonly mark?: LazyMark | undefined };

export type UnpackedLayer = {
  /** Of the active snapshot. */
  readonly key: string;
  readonly labels: Labels;
  /** What `decide` gave. */
  readonly mark: LazyMark | undefined;
  /** Of the active snapshot: its `fs` holds what was unpacked. */
  readonly directory: string;
  readonly parents: SnapshotChain;
  readonly signal: AbortSignal;
};

export interface LazyLayers {
  /**
   * Asked in Prepare when the labels carry `containerd.io/snapshot.ref` or the key is that of an
   * unpack (`extract-...`). Takes bounded time, whatever the registry does. Never rejects for what
   * is wrong with a registry or an image: that layer is unpacked. Rejects (FailedPrecondition) for a
   * layer that nobody can unpack when the client does not say what it is.
   */
  decide(request: LayerRequest): Promise<LayerDecision>;
  /**
   * Asked in Commit before anything is changed, and quick: containerd holds its database. The mark it gives replaces the one `decide` gave.
   * Rejects with a coded error (FailedPrecondition) when the layer cannot be used: the commit fails.
   */
  committing(layer: UnpackedLayer): Promise<LazyMark | undefined>;
  /** A snapshot with a mark was committed, durably, by a skip or by Commit. */
  committed(snapshot: CommittedSnapshot): void;
  /**
   * The directory that stands for everything up to and including a snapshot of the chain, when one
   * is a lazily mounted image: `above` counts the snapshots (from the nearest) that lie over it.
   * Undefined: the plain `fs` directories of all. Asked in every Prepare, View and Mounts with a
   * parent, also after a restart; rejects (FailedPrecondition, Unavailable) when what is needed is
   * not there and cannot be brought.
   */
  lower(chain: SnapshotChain): Promise<{ path: string; above: number } | undefined>;
  /** What is on the disk of a snapshot with a mark; undefined: count its directory. */
  usage(snapshot: CommittedSnapshot): Promise<{ size: number; inodes: number } | undefined>;
  /** A committed snapshot with a mark was removed. Called after its record is gone. */
  removed(snapshot: CommittedSnapshot): Promise<void>;
  /** Once, at start, before anything else, with every committed snapshot that has a mark. */
  restored(snapshots: readonly CommittedSnapshot[]): Promise<void>;
}

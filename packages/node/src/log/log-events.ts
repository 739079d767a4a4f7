/**
 * The `event` of each log line: a name that stays when the words change. Lines that say theirs where
 * they are written are in the second table. docs/logs.md is written from both; log-events.test.ts
 * looks through the sources for lines that are in neither, and for entries that no line has.
 */
import type { CacheEvent } from '@shoal/blob-store';
import type { StoreEventKind } from '@shoal/p2p-peer';

export const LOG_EVENT: Readonly<Record<string, string>> = {
  'the daemon did not start': 'start-failed',
  'an unexpected error ends the daemon; mounts stay': 'crash',
  'a part of the daemon did not close': 'stop-failed',
  'configuration read again': 'reloaded',
  'the configuration was not read again': 'reload-failed',
  'the service manager was not told': 'service-manager-silent',
  'the control socket was gone and is there again': 'control-socket-made-anew',
  'the control socket cannot be made anew': 'control-socket-lost',
  'a request failed unexpectedly': 'control-request-crashed',
  'a request failed': 'grpc-request-failed',
  'while no daemon runs containerd will be refused': 'snapshotter-socket-not-kept',
  'a pull through the image service ended': 'image-service-pull',
  'the container runtime cannot be reached': 'image-service-upstream-gone',
  'sealed credentials are of another boot: pulls bring new ones': 'credentials-forgotten',
  'credentials of pulls could not be kept': 'credentials-not-kept',
  'the run directory is not in memory: credentials of pulls are forgotten at a restart':
    'credentials-in-memory-only',
  'this host shares nothing: its images are fetched from registries alone': 'peer-not-started',
  mounted: 'mounted',
  unmounted: 'unmounted',
  restored: 'restored',
  'a record was not read': 'record-damaged',
  'a mount was not restored': 'mount-not-restored',
  'a mount has no record': 'mount-without-record',
  'a broken mount is forgotten': 'broken-mount-forgotten',
  'a half made mount stays': 'half-mount-stays',
  'a mount was not finished: forgotten': 'half-mount-forgotten',
  'a mount was unmounted by somebody else: forgotten': 'foreign-unmount',
  'the record of a failed mount stays': 'half-mount-record-stays',
  'the record of a mount stays as it was': 'record-stays',
  'blobs of an unmounted image did not close': 'blobs-not-closed',
  'bootstraps that nobody uses were not deleted': 'bootstraps-not-deleted',
  'a reader waits for bytes': 'reader-waits',
  'a read failed with EIO': 'read-failed',
  'what an image wants first is not fetched ahead any more': 'prefetch-ended',
  'a layer is unpacked as any other': 'layer-not-lazy',
  'a layer is fetched after all: it is used by itself': 'layer-fetched-late',
  'a look-up took longer than a pull waits': 'lookup-late',
  'an image was looked for': 'lookup',
  'an image is not mounted yet': 'image-not-mounted',
  'an image was unmounted by somebody else: mounted again': 'image-mounted-again',
  'an unused image stays mounted': 'unused-image-stays',
  'a lazily loaded image stays': 'removed-image-stays',
  'a mark was not read': 'mark-damaged',
  'what a crash left was not cleaned up': 'cleanup-failed',
  'a directory was not moved away': 'snapshot-directory-stays',
  'a directory holds files, and no snapshot of that id is known': 'snapshot-directory-unknown',
  'directories were not deleted completely': 'snapshot-directories-left',
  'directories were not deleted': 'snapshot-directories-stay',
};

/** Of what the store for other hosts tells: the event is `peer-store-` and its kind. */
const PEER_STORE_EVENT: Readonly<Record<StoreEventKind, string>> = {
  'disk-full': 'its disk is full: what comes from peers is passed on and not kept',
  'write-failed': 'its disk refuses writes: what comes from peers is passed on and not kept',
  'disk-writable': 'its disk takes writes again',
  'sync-failed': 'what was written did not reach the disk and is fetched again',
  'record-failed': 'what it holds could not be recorded: a restart would fetch it again',
  'damaged-record': 'its index was damaged, in whole or in part',
  'damaged-file': 'a file is not what was written: its blob is fetched again',
  'wrong-bytes': 'bytes that were taken for right are not: they are fetched again',
  evicted: 'stored bytes made room for others',
  'evict-failed': 'stored bytes could not be removed',
  'over-limit': 'it takes more than it may, and everything is in use',
  'no-holes': 'its file system makes no holes: what the mount cache has as well is kept twice',
};

/** Of what a cache tells: the event is `cache-` and its kind. */
const CACHE_EVENT: Readonly<Record<CacheEvent['kind'], string>> = {
  'disk-full': 'nothing can be written to a cache; reads go on from the network and memory',
  'disk-writable': 'the first write to a cache that succeeded after that',
  'write-failed': 'a cache cannot be written for another reason than a full disk',
  'sync-failed': 'what was written did not reach the disk: it is fetched again',
  'record-failed': 'what is here could not be recorded: a restart fetches it again',
  'damaged-record': 'a record of a cache did not decode: its blob is verified or fetched again',
  adopted: 'what nydusd or another image left in a cache is verified when it is wanted',
  evicted: 'a blob that no mount uses was removed from a cache',
  'evict-failed': 'a blob could not be removed from a cache',
  'over-limit': 'mounts use more of a cache than its limit: nothing can be removed',
};

/** Of lines that name their event themselves. */
export const NAMED_EVENTS: Readonly<Record<string, string>> = {
  ready: 'requests are answered from now on',
  stopping: 'somebody asked the daemon to leave',
  stopped: 'it has left; mounts stay',
  replacing: 'an upgrade asked the daemon that ran to leave',
  'metrics-served': 'metrics are served at an address',
  'metrics-not-served': 'the address of metrics cannot be listened at',
  'metrics-failed': 'a scrape was not answered',
  'image-service': 'the image service for kubelet listens',
  'proxy-served': 'registries are mirrored at an address',
  'proxy-not-served': 'the mirror cannot listen, or its configuration is wrong',
  'proxy-request-failed': 'a mirrored request got no answer, or not to its end',
  'api-served': 'gets are served at an address',
  'api-not-served': 'the API cannot listen, or has no token',
  'api-certificate': 'a changed certificate of the API cannot be used: the one before stays',
  'node-labels': "zone and rack of this host come from its Kubernetes node's labels",
  'node-labels-unread':
    "the Kubernetes node's labels could not be read: zone and rack are those of the configuration",
  'node-label-missing': 'the Kubernetes node lacks a label that the configuration names',
  'peer-wire-log-failed': 'lines of the wire log could not be written: it has no more of them',
  'peer-problem': 'something that has to do with another host went wrong; reads go on',
  'peer-tracker-away':
    'a tracker does not answer: `reason` says why; told again after a minute at the earliest, when it was there meanwhile',
  'peer-tracker-answer':
    'a tracker refuses something, or answers what is none; once a minute for each answer',
  'peer-identity-unread':
    'changed files of the certificate cannot be used: the ones before stay; once a minute',
  'peer-home-failed':
    'a registry or web server did not give what this host was to fetch for others, who read it themselves; once a minute for each repository',
  'cache-gc-failed': 'a cache was not collected',
  driver: 'what the FUSE session and its holder tell',
  other: 'a line without a name of its own',
  ...Object.fromEntries(Object.entries(CACHE_EVENT).map(([kind, text]) => [`cache-${kind}`, text])),
  ...Object.fromEntries(
    Object.entries(PEER_STORE_EVENT).map(([kind, text]) => [`peer-store-${kind}`, text]),
  ),
};

export function eventOf(message: unknown): string {
  return (typeof message === 'string' ? LOG_EVENT[message] : undefined) ?? 'other';
}

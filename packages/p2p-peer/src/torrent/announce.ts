/** The trackers that a torrent or a magnet link names. */
import { MetainfoError } from '../errors.ts';
import { TRACKER_URL_LENGTH_MAX, TRACKERS_MAX } from './limits.ts';

const PROTOCOLS: readonly string[] = ['http:', 'https:', 'udp:'];

/** Throws `ERR_P2P_METAINFO`. */
export function checkAnnounce(announce: readonly string[]): void {
  if (announce.length > TRACKERS_MAX) throw new MetainfoError(`${announce.length} trackers`);
  for (const tracker of announce) {
    const url = tracker.length > TRACKER_URL_LENGTH_MAX ? null : URL.parse(tracker);
    if (url === null || !PROTOCOLS.includes(url.protocol)) {
      throw new MetainfoError('a tracker has no address for HTTP or UDP');
    }
  }
}

/** Maxima of trackers, each with its reason. Everything a tracker knows is in memory. */

/** Told to whoever announces; who is silent for two of them is gone. */
export const ANNOUNCE_TOLD_MS = 30_000;
/** Told too, to standard clients: nobody needs other peers sooner. Who asks sooner is answered all the same. */
export const ANNOUNCE_TOLD_MS_MIN = 5_000;
/** Those that are gone are looked for no more often: every peer is looked at. */
export const SWEEP_INTERVAL_MS_MIN = 5_000;
/** Hosts tell what they hold and do so often, and less often where there are many of them. */
export const REPORT_INTERVAL_MS_MIN = 5_000;
/** Half of what makes a host count as gone. */
export const REPORT_INTERVAL_MS_MAX = ANNOUNCE_TOLD_MS;
/** Reports of all hosts together: more would keep a tracker from answering announces. */
export const REPORTS_PER_SECOND = 500;
/** Peers in one answer: a host uses 20 to 30 (as many as other trackers give). */
export const PEERS_HANDED_OUT_MAX = 50;
/** Hosts of a cluster; 10,000 are simulated. */
export const TRACKER_HOSTS_MAX = 20_000;
/** Swarms with at least one peer. */
export const TRACKER_SWARMS_MAX = 100_000;
/** Peers of all swarms together: about 300 bytes each. */
export const TRACKER_PEERS_MAX = 1_000_000;
/** Swarms of one host: blobs that it holds or reads. */
export const SWARMS_PER_HOST_MAX = 4096;
/** Swarms of one address on the plain port, which may be one of many behind a translation. */
export const PLAIN_PEERS_PER_ADDRESS_MAX = 256;
/** Blobs that may be announced because somebody who may read them has told of them. */
export const KNOWN_BLOBS_MAX = 100_000;
/** Repositories that one blob is known in: base images are in many. */
export const REPOSITORIES_PER_BLOB_MAX = 16;
/** A report: its blobs at their longest. */
export const REPORT_BYTES_MAX = 256 << 10;
/** Blobs in one report: first those with a torrent; half of it is for those in use. */
export const REPORT_BLOBS_MAX = 128;
/** Preheats in one report. */
export const REPORT_PREHEATS_MAX = 32;
/** Preheats that a tracker remembers. */
export const PREHEATS_MAX = 256;
/** A request to preheat: the names of all hosts. */
export const PREHEAT_BYTES_MAX = 1 << 20;
/** Characters of a name that is shown: a version, a zone, a message. */
export const SHOWN_NAME_MAX = 256;
/** Characters of the name of an image. */
export const IMAGE_NAME_MAX = 512;
/** Request line and headers: an announce with a token of 6 KiB. */
export const TRACKER_HEADER_BYTES_MAX = 16 << 10;
/** Connections of our hosts, two each. */
export const TRACKER_CONNECTIONS_MAX = 40_000;
/** Connections to the plain port, and to the page. */
export const PLAIN_CONNECTIONS_MAX = 1024;
/** Swarms in one scrape. */
export const SCRAPE_SWARMS_MAX = 64;
/** Requests of one host at once: one announce for each blob of many images. */
export const HOST_REQUESTS_BURST = 2000;
/** And in the long run. */
export const HOST_REQUESTS_PER_SECOND = 100;
/** Requests at once of an address on the plain port or the page. */
export const ADDRESS_REQUESTS_BURST = 200;
/** And in the long run. */
export const ADDRESS_REQUESTS_PER_SECOND = 20;
/** Hosts or addresses whose rate is remembered. */
export const RATES_REMEMBERED_MAX = 65_536;
/** Hosts on the page, by zone and rack; more are counted. */
export const SHOWN_HOSTS_MAX = 500;
/** Blobs on the page, those that most hosts have first. */
export const SHOWN_BLOBS_MAX = 100;
/** Hosts below one blob, or one preheat, on the page. */
export const SHOWN_HOLDERS_MAX = 64;
/** An answer of a tracker: 20,000 hosts at 400 bytes. */
export const TRACKER_ANSWER_BYTES_MAX = 8 << 20;
/** What a client waits for one tracker: nobody's read waits for it, but the next tracker does. */
export const TRACKER_DEADLINE_MS = 1000;
/** What a tracker says of one preheat: 65,536 hosts with a message each would be 32 MiB. */
export const PREHEAT_ANSWER_BYTES_MAX = 32 << 20;
/** Hosts on the page whose reads take longest. */
export const SHOWN_SLOWEST_MAX = 10;
/** Preheats on the page, the newest. */
export const SHOWN_PREHEATS_MAX = 20;
/** Lists of hosts, one for each zone, that are written once for all who ask. */
export const ZONES_CACHED_MAX = 256;
/** How long somebody may be silent. */
export const HOST_SILENCE_MS_MAX = 2 * ANNOUNCE_TOLD_MS;
/** Until a request is there, a report with its body. */
export const TRACKER_REQUEST_TIMEOUT_MS = 10_000;
/** Until the head of a request is there, and until TLS is agreed on. */
export const TRACKER_HEAD_TIMEOUT_MS = 5_000;
/** Longer than an interval: hosts keep their connection from one announce to the next. */
export const TRACKER_KEEP_ALIVE_MS = 75_000;
/** What a tracker that ends lets requests take. */
export const TRACKER_CLOSE_MS_MAX = 2_000;
/** The page's data is written once for all who look at it in this time. */
export const VIEW_KEPT_MS = 1000;
/** A tracker that fails is asked again after this time, then after twice as long, and so on. */
export const TRACKER_RETRY_MS_MIN = 500;
/** The longest of these times: half of an interval. */
export const TRACKER_RETRY_MS_MAX = 15_000;
/** Connections of a host to one tracker: a report does not wait for an announce. */
export const TRACKER_LINK_CONNECTIONS_MAX = 2;
/** A host's connection to a tracker that nothing goes over; shorter than TRACKER_KEEP_ALIVE_MS, so that the host closes it first. */
export const TRACKER_LINK_KEEP_ALIVE_MS = 60_000;
/** Characters of what somebody says who refuses. */
export const REFUSAL_CHARACTERS_MAX = 200;
/** Characters of `host:port` in reports and answers: a name has 253 at most. */
export const REPORT_ADDRESS_CHARACTERS_MAX = 300;
/** Preheats in the answer to a report, and as many that were ended: four times those that a tracker remembers. */
export const ANSWER_PREHEATS_MAX = 1024;
/** Hosts in the answer of a tracker: three times those that ours take. */
export const ANSWER_HOSTS_MAX = 65_536;
/** Characters of an answer's token: a token has 6 KiB at most. */
export const ANSWER_TOKEN_CHARACTERS_MAX = 16 << 10;
/** Hosts of which the tracker remembers what they may read, three times those that it takes; then all are looked up anew. */
export const HOST_RULES_REMEMBERED_MAX = 65_536;

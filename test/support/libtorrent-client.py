"""A standard client on libtorrent, beside a test: fetches what a magnet link names, or seeds what it has.

Usage: libtorrent-client.py fetch|seed MAGNET DIRECTORY ADDRESS:PORT
It says on its output what it does, and ends by itself once it has fetched everything. The torrent that it has
got by the magnet link is kept beside the directory, and seeded from there.
"""

import sys
import time

import libtorrent

does, magnet, directory, listen = sys.argv[1:5]
session = libtorrent.session(
    {
        "listen_interfaces": listen,
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": libtorrent.alert.category_t.tracker_notification
        | libtorrent.alert.category_t.error_notification
        | libtorrent.alert.category_t.status_notification,
    }
)
params = libtorrent.parse_magnet_uri(magnet)
params.save_path = directory
torrent_file = directory + ".torrent"
if does == "seed":
    trackers = params.trackers
    params = libtorrent.add_torrent_params()
    params.ti = libtorrent.torrent_info(torrent_file)
    params.trackers = trackers
    params.save_path = directory
handle = session.add_torrent(params)
announced_at = time.monotonic()
told = ""
while True:
    for alert in session.pop_alerts():
        print(alert.message(), flush=True)
    status = handle.status()
    if str(status.state) != told:
        told = str(status.state)
        print("state", told, flush=True)
    if status.is_seeding and does == "fetch":
        session.pause()
        handle.flush_cache()
        torrent = libtorrent.create_torrent(handle.torrent_file()).generate()
        with open(torrent_file, "wb") as file:
            file.write(libtorrent.bencode(torrent))
        print("fetched", flush=True)
        break
    # Whoever came after the last announce is found by the next one.
    if time.monotonic() - announced_at > 3:
        announced_at = time.monotonic()
        handle.force_reannounce()
    time.sleep(0.1)

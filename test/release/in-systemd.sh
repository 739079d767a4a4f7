# Runs below a real systemd, as root, with the package in /shoal.deb: what its units promise.
# Prints "all done" at the end.
export LC_ALL=C
files=/usr/share/common-licenses

say() {
  echo "== $1"
}

show() {
  systemctl show "$1" --property "$2" --value
}

# Reads a file that nothing has read yet.
check() {
  cmp "$files/$1" "/mnt/app/$1"
}

# Waits for a condition, up to two minutes.
until_true() {
  tries=1200
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" != 0 ] || { echo "never: $*"; return 1; }
    sleep 0.1
  done
}

replaced() {
  new=$(show shoal-node MainPID)
  [ "$new" != 0 ] && [ "$new" != "$1" ] && [ "$(show shoal-node ActiveState)" = active ]
}

stores() {
  [ "$(show shoal-node NFileDescriptorStore)" = "$1" ]
}

say 'install: nothing runs, start: ready'
dpkg --install /shoal.deb
[ "$(show shoal-node ActiveState)" = inactive ]
systemctl start shoal-node
shoal convert --source "dir:$files" --target oci:/root/image:latest
mkdir -p /mnt/app
shoal mount oci:/root/image:latest /mnt/app
check GPL-1
# The session, the image, the socket for containerd.
until_true stores 3

say 'kill -9: the unit starts it again'
first=$(show shoal-node MainPID)
kill -9 "$first"
check GPL-2
until_true replaced "$first"

say 'daemon and holder killed: the session comes from the store'
second=$(show shoal-node MainPID)
kill -9 "$second" $(pidof sleep)
check GPL-3
until_true replaced "$second"

say 'stop and start: mounts stay'
systemctl stop shoal-node
grep -q ' /mnt/app ' /proc/self/mountinfo
systemctl start shoal-node
check LGPL-2
systemctl reload shoal-node

say 'the package again: the unit goes on with it'
third=$(show shoal-node MainPID)
dpkg --install /shoal.deb
until_true replaced "$third"
check LGPL-2.1

say 'the other unit takes its place'
systemctl start shoal-snapshotter
[ "$(show shoal-node ActiveState)" = inactive ]
[ -S /run/shoal/snapshotter.sock ]
check LGPL-3

say 'the tracker: without root, its keys are copies that nobody else can read'
shoal ca init --dir /root/ca
shoal ca issue --dir /root/ca --role tracker --host tracker-0 --out /etc/shoal/tracker
echo "SHOAL_TRACKER_OPTIONS=--listen 127.0.0.1:0 --grant '*=docker.io/*'" > /etc/shoal/tracker.env
systemctl start shoal-tracker
[ "$(stat --format %a /etc/shoal/tracker/tls.key)" = 600 ]
until_true sh -c 'journalctl --unit shoal-tracker | grep -q "hosts: https://127.0.0.1:"'
tracker=$(show shoal-tracker MainPID)
[ "$(stat --format %u "/proc/$tracker")" != 0 ]
kill -9 "$tracker"
until_true sh -c 'journalctl --unit shoal-tracker | grep -c "hosts: https://127.0.0.1:" | grep -q 2'

say 'the proxy: without root, with a directory for manifests'
echo 'SHOAL_PROXY_OPTIONS=--listen 127.0.0.1:0 --upstream docker.io --auth own' > /etc/shoal/proxy.env
systemctl start shoal-proxy
until_true sh -c 'journalctl --unit shoal-proxy | grep -q "mirrors docker.io"'
[ "$(stat --format %u "/proc/$(show shoal-proxy MainPID)")" != 0 ]
[ -d /var/cache/private/shoal-proxy ]

say 'the package again: both are started anew'
before="$(show shoal-tracker MainPID) $(show shoal-proxy MainPID)"
dpkg --install /shoal.deb
after="$(show shoal-tracker MainPID) $(show shoal-proxy MainPID)"
[ "$(show shoal-tracker ActiveState) $(show shoal-proxy ActiveState)" = 'active active' ]
[ "${before% *}" != "${after% *}" ] && [ "${before#* }" != "${after#* }" ]

say 'busy: package and unit stay'
sleep 1000 < /mnt/app/GPL-3 &
sleeper=$!
until_true [ /mnt/app/GPL-3 -ef "/proc/$sleeper/fd/0" ]
if dpkg --remove shoal; then exit 1; fi
[ "$(show shoal-snapshotter ActiveState)" = active ]
check MPL-2.0
kill "$sleeper"
wait "$sleeper" || true

say 'remove'
dpkg --remove shoal
if grep ' /mnt/app ' /proc/self/mountinfo; then exit 1; fi
[ "$(show shoal-snapshotter ActiveState)" = inactive ]
[ "$(show shoal-tracker ActiveState) $(show shoal-proxy ActiveState)" = 'inactive inactive' ]
[ -z "$(pidof node)" ]
echo 'all done'

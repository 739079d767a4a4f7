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
[ -z "$(pidof node)" ]
echo 'all done'

# Boots a real systemd, as process 1 of its own namespaces, in a Debian root file system; it runs
# /inner.sh there, which prints to /inner.log, and powers off. Nothing of the machine is changed: the
# kernel's settings are read-only inside, /dev is one of its own.
#
# usage: sh boot-systemd.sh ROOT CGROUP     CGROUP: a directory of cgroup2 that this may make
root=$1
cgroup=$2

if [ "${3:-}" != inside ]; then
  mkdir "$cgroup"
  trap 'find "$cgroup" -depth -type d -exec rmdir {} \; 2> /dev/null' EXIT
  sh -euc 'echo $$ > "$0/cgroup.procs"; exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --uts --ipc \
    --cgroup sh -eu "$1" "$2" "$0" inside' "$cgroup" "$0" "$root"
  exit 0
fi

mount --make-rprivate /
# A mount of its own: systemd gives units mount namespaces only where / is one.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 none "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty fuse; do
  cp --archive "/dev/$node" "$root/dev/$node"
done
# PrivateDevices makes copies of these.
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/etc/systemd/system"
for unit in systemd-sysctl systemd-udevd systemd-udev-trigger systemd-modules-load systemd-timesyncd \
  systemd-random-seed systemd-remount-fs; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
printf '[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nExecStart=/bin/sh -c %s\n' \
  '"/bin/sh -eu /inner.sh > /inner.log 2>&1; systemctl poweroff --force --force"' \
  > "$root/etc/systemd/system/inner.service"
cd "$root"
pivot_root . .
umount --lazy .
# As process 1 of a machine it would do so itself: credentials of units are mounted by another process.
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=inner.service --show-status=no

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
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 none "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty fuse; do
  cp --archive "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm"
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
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" \
  /lib/systemd/systemd --unit=inner.service --show-status=no

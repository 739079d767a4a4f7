# Runs inside a Debian root file system, as root, with the package in /shoal.deb: what an
# administrator does with it. Prints "all done" at the end.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() {
  echo "== $1"
}

mounts() {
  grep -c ' /mnt/app ' /proc/self/mountinfo || true
}

say 'install: the command is there, nothing runs'
dpkg --install /shoal.deb
[ "$(shoal --version)" = "$VERSION" ]
[ "$(readlink -f /usr/bin/shoal)" = "/opt/shoal/versions/$VERSION/bin/shoal" ]
[ ! -e /var/lib/shoal ] && [ ! -e /run/shoal ]
dpkg --verify shoal

say 'units: systemd understands them'
systemd-analyze verify /usr/lib/systemd/system/shoal-*.service 2>&1 |
  grep -v "Unknown key.*'\(RestartSteps\|RestartMaxDelaySec\|FileDescriptorStorePreserve\)'" |
  tee /tmp/verify
[ ! -s /tmp/verify ]

say 'convert and mount'
shoal convert --source dir:/usr/share/common-licenses --target oci:/tmp/image:latest
mkdir -p /mnt/app
shoal mount oci:/tmp/image:latest /mnt/app
diff -r /usr/share/common-licenses /mnt/app

say 'the same package again: the mount stays'
dpkg --install /shoal.deb
[ "$(mounts)" = 1 ]
cmp /usr/share/common-licenses/GPL-3 /mnt/app/GPL-3

say 'busy: the package does not go'
sleep 1000 < /mnt/app/GPL-3 &
sleeper=$!
if dpkg --remove shoal; then exit 1; fi
[ "$(mounts)" = 1 ]
shoal status
kill "$sleeper"
wait "$sleeper" || true

say 'remove: what was mounted is unmounted, the daemon has ended'
dpkg --configure --pending
dpkg --remove shoal
[ "$(mounts)" = 0 ]
[ ! -e /usr/bin/shoal ] && [ ! -e /opt/shoal ]
[ -e /etc/shoal/config.toml ] && [ -d /var/lib/shoal ]

say 'purge: the configuration goes, what containers wrote stays'
dpkg --purge shoal
[ ! -e /etc/shoal ] && [ -d /var/lib/shoal ]
echo 'all done'

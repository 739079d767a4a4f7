# Runs inside a Debian root file system, as root, with the package in /shoal.deb: what an
# administrator does with it. Prints "all done" at the end.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() {
  echo "== $1"
}

mounts() {
  grep -c ' /mnt/app ' /proc/self/mountinfo || true
}

# Process id; nothing while none answers.
daemon() {
  shoal status 2> /dev/null | sed -n 's/^daemon .* process \([0-9]*\),.*/\1/p'
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

# The package as another version; what it says of itself is its package.json's.
repack() {
  rm -rf /tmp/newer
  dpkg-deb --raw-extract /shoal.deb /tmp/newer
  mv "/tmp/newer/opt/shoal/versions/$VERSION" "/tmp/newer/opt/shoal/versions/$1"
  ln -sfn "versions/$1" /tmp/newer/opt/shoal/current
  sed -i "s/\"version\": \"$VERSION\"/\"version\": \"$1\"/" "/tmp/newer/opt/shoal/versions/$1/lib/package.json"
  sed -i "s/^Version: .*/Version: $1/" /tmp/newer/DEBIAN/control
  sed -i "s,versions/$VERSION/,versions/$1/,; /lib\/package.json\|daemon-main/d" /tmp/newer/DEBIAN/md5sums
  sed -i "s/^new=.*/new=$1/" /tmp/newer/DEBIAN/postinst
}

build() {
  dpkg-deb --root-owner-group -Znone --build /tmp/newer /newer.deb
}

versions() {
  ls -A /opt/shoal/versions | tr '\n' ' '
}

say 'a newer package: its daemon takes the mount over, the version before it is kept'
repack 98.0.0
build
first=$(daemon)
dpkg --install /newer.deb
dpkg --verify shoal
[ "$(shoal --version)" = 98.0.0 ]
[ "$(versions)" = "$VERSION 98.0.0 " ]
[ "$(daemon)" != "$first" ]
shoal status | grep -q '^daemon 98.0.0'
cmp /usr/share/common-licenses/GPL-2 /mnt/app/GPL-2

say 'a newer package that does not work: the version that ran comes back and stays'
repack 99.0.0
sed -i '1i throw new Error("broken");' /tmp/newer/opt/shoal/versions/99.0.0/lib/daemon-main.js
build
dpkg --install /newer.deb
[ "$(shoal --version)" = 98.0.0 ]
[ "$(versions)" = '98.0.0 99.0.0 ' ]
shoal status | grep -q '^daemon 98.0.0'
cmp /usr/share/common-licenses/LGPL-3 /mnt/app/LGPL-3

say 'a daemon that dies is started again from the version that is kept'
first=$(daemon)
kill -9 "$first"
while [ "$(daemon)" = '' ] || [ "$(daemon)" = "$first" ]; do sleep 0.1; done
cmp /usr/share/common-licenses/MPL-1.1 /mnt/app/MPL-1.1

say 'busy: the package does not go'
sleep 1000 < /mnt/app/GPL-3 &
sleeper=$!
until [ /mnt/app/GPL-3 -ef "/proc/$sleeper/fd/0" ]; do sleep 0.1; done
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

say 'the tarball, installed by hand as docs/release.md says'
mkdir -p /opt/shoal/versions
tar -xzf /shoal.tar.gz -C /opt/shoal/versions
mv /opt/shoal/versions/shoal-* "/opt/shoal/versions/$VERSION"
ln -sfn "versions/$VERSION" /opt/shoal/current
ln -sf /opt/shoal/current/bin/shoal /usr/bin/shoal
[ "$(shoal --version)" = "$VERSION" ]
echo 'all done'

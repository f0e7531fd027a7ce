#!/usr/bin/env bash
# Boots a real systemd as PID 1 of private namespaces and stays in the foreground; it ends, whole, when
# stdin does. This machine is its read-only lower layer: what it changes is in memory, its network and
# its processes are its own. Needs root. Tells on stdout the id of its PID 1.
#
#   boot.sh DIR [BIND...]     DIR: an empty directory; BIND: directories that are shared with this machine
set -euo pipefail
dir=$1
shift

# A cgroup of its own, removed with all that is in it.
root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[[ $root ]] || { echo "no cgroup2 is mounted here: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified" >&2; exit 1; }
cgroup=$root/muxview-test-$$
mkdir "$cgroup"
mkdir -p "$dir/machine"

main=$$
# The watcher is not in that cgroup, and it ends the machine when whoever booted it is gone.
exec 3<&0
(
  while read -r _ <&3; do :; done
  kill -9 "$main" 2>/dev/null || true
  for _ in {1..500}; do
    grep -q 'populated 0' "$cgroup/cgroup.events" && break
    read -r -t 0.02 _ <><(:) || true
  done
  find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
) >/dev/null 2>&1 &
exec 3<&- </dev/null

echo $$ >"$cgroup/cgroup.procs"
export dir binds="$*"
# shellcheck disable=SC2016 # it is the inner shell that expands
exec unshare --mount --pid --cgroup --ipc --uts --net --fork --kill-child --propagation private bash -euc '
ip link set lo up
# A network that leads nowhere: with none at all a browser takes itself for offline.
ip link add eth0 type veth peer name nowhere
ip address add 192.0.2.2/24 dev eth0
ip link set nowhere up
ip link set eth0 up
ip route add default via 192.0.2.1
m=$dir/machine
mount -t tmpfs tmpfs "$m"
mkdir "$m/upper" "$m/work" "$m/root"
r=$m/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$m/upper,workdir=$m/work" "$r"
mount -t proc proc "$r/proc"
# What it would set there would be set for this machine.
mount --bind "$r/proc/sys" "$r/proc/sys"
mount -o remount,bind,ro "$r/proc/sys"
mount -t sysfs -o ro sysfs "$r/sys"
mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$r/dev"
for name in null zero full random urandom tty; do
  touch "$r/dev/$name"
  mount --bind "/dev/$name" "$r/dev/$name"
done
mkdir "$r/dev/pts" "$r/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$r/dev/pts"
ln -s pts/ptmx "$r/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$r/dev/shm"
ln -s /proc/self/fd "$r/dev/fd"
ln -s fd/0 "$r/dev/stdin"
ln -s fd/1 "$r/dev/stdout"
ln -s fd/2 "$r/dev/stderr"
mount -t tmpfs -o mode=755 tmpfs "$r/run"
mount -t tmpfs -o mode=1777 tmpfs "$r/tmp"
for bind in $binds; do
  mkdir -p "$r$bind"
  mount --bind "$bind" "$r$bind"
done
# None of the units somebody enabled here, and none that would act on the kernel we share.
units=$r/etc/systemd/system
rm -rf "$units"
mkdir -p "$units"
: >"$r/etc/fstab"
printf "[Unit]\nDescription=test\nRequires=dbus.socket\nAfter=dbus.socket sysinit.target\nAllowIsolate=yes\n" >"$units/default.target"
for unit in systemd-sysctl.service systemd-binfmt.service systemd-modules-load.service systemd-remount-fs.service \
  systemd-update-utmp.service systemd-tmpfiles-setup-dev.service systemd-firstboot.service systemd-random-seed.service \
  systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service \
  systemd-journald-audit.socket systemd-pstore.service systemd-ask-password-console.path systemd-ask-password-wall.path \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount ldconfig.service \
  systemd-timesyncd.service systemd-networkd.service systemd-resolved.service; do
  ln -s /dev/null "$units/$unit"
done
cd "$r"
pivot_root . mnt
umount -l /mnt
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=muxview-test LANG=C.UTF-8 \
  /lib/systemd/systemd --system --log-target=journal --show-status=no
'

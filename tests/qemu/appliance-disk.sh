#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes the disk that turns the device into an appliance: what lies over its root disk when it boots systemd.
#
#     appliance-disk.sh SYSTEMD-TREE ROOT-TREE IMAGE
#
# systemd, udev, the bus and polkit as Debian has them, with the users that their packages and the product ask for. The product's
# own files are the product disk's, by `make install`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)

tree=$1 root=$2 image=$3
stage="${image%.img}.tree"

# Nothing here is about what they do; each costs seconds on the emulated processor, or waits for a device that there is not.
masked=(
    systemd-hwdb-update.service systemd-journal-catalog-update.service ldconfig.service systemd-sysext.service systemd-confext.service
    systemd-backlight@.service systemd-pstore.service systemd-networkd.service systemd-networkd.socket systemd-network-generator.service
    systemd-networkd-persistent-storage.service systemd-userdbd.socket systemd-userdbd.service systemd-timesyncd.service
    systemd-tpm2-setup.service systemd-tpm2-setup-early.service systemd-pcrphase.service systemd-boot-random-seed.service
    systemd-update-done.service systemd-firstboot.service systemd-machine-id-commit.service systemd-binfmt.service
    serial-getty@ttyAMA0.service getty@tty1.service getty.target dev-hugepages.mount dev-mqueue.mount
    sys-kernel-config.mount sys-fs-fuse-connections.mount modprobe@fuse.service modprobe@configfs.service modprobe@drm.service
)

copy_packages() {
    rm -rf "$stage"
    mkdir -p "$stage"
    tar -C "$tree" -cf - --exclude=./usr/share/{doc,man,locale,info,bug,lintian} --exclude=./var/{cache,lib/apt,lib/dpkg} \
        --exclude=./boot --exclude=./dev . | tar -C "$stage" -xf -
    mkdir -p "$stage"/{dev,proc,sys,run,tmp}
    # As the root disk has them.
    tar -C "$root" -cf - bin sbin lib | tar -C "$stage" -xf -
}

# As an image build does: every user exists before the first boot.
make_users() {
    grep -v '^shutterd:' "$root/etc/passwd" > "$stage/etc/passwd"
    grep -v -e '^shutterd:' -e '^input:' "$root/etc/group" | sed -e 's/\bshutterd$//' > "$stage/etc/group"
    cp "$root/etc/nsswitch.conf" "$stage/etc/nsswitch.conf"
    install -D -m 644 -t "$stage/usr/lib/sysusers.d" "$repository/data/sysusers.d/shutterd.conf"
    cp "$(command -v qemu-aarch64-static)" "$stage/emulator"
    # shellcheck disable=SC2016  # expands in the inner shell
    unshare --mount sh -euc 'mount -t proc proc "$1/proc"; chroot "$1" /emulator /usr/bin/systemd-sysusers' sh "$stage"
    rm "$stage/emulator"
    grep -q '^shutterd:' "$stage/etc/passwd"
}

configure() {
    local unit system="$stage/etc/systemd/system"
    mkdir -p "$system"/{multi-user,sockets,sysinit}.target.wants "$system/systemd-udev-trigger.service.d" "$stage/etc/systemd/journald.conf.d"
    ln -sf /usr/lib/systemd/system/multi-user.target "$system/default.target"
    for unit in "${masked[@]}"; do ln -sf /dev/null "$system/$unit"; done
    install -m 644 -t "$system" "$here"/appliance/*.service
    # What is enabled on a product: by its image, not by hand.
    ln -s /usr/lib/systemd/system/shutterd.service "$system/multi-user.target.wants/"
    ln -s /usr/lib/systemd/system/shutterd.socket "$system/sockets.target.wants/"
    ln -s ../testbed.service "$system/sysinit.target.wants/"
    # All devices at once are most of a boot here; these are the ones that matter.
    printf '%s\n' '[Service]' 'ExecStart=' \
        'ExecStart=-udevadm trigger --type=all --action=add --subsystem-match=video4linux --subsystem-match=input --subsystem-match=leds --subsystem-match=sound --subsystem-match=misc' \
        > "$system/systemd-udev-trigger.service.d/testbed.conf"
    printf '%s\n' '[Journal]' 'Storage=volatile' 'RuntimeMaxUse=32M' > "$stage/etc/systemd/journald.conf.d/testbed.conf"
    touch "$stage/etc/.updated" "$stage/var/.updated"
    # The root disk's registry, where the unit has it: the plugins are the root disk's too.
    local owner
    owner=$(sed -n 's/^shutterd:[^:]*:\([0-9]*:[0-9]*\):.*/\1/p' "$stage/etc/passwd")
    install -d -o "${owner%:*}" -g "${owner#*:}" "$stage/var/cache/shutterd"
    install -m 600 -o "${owner%:*}" -g "${owner#*:}" -t "$stage/var/cache/shutterd" "$root/var/cache/gstreamer/registry.bin"
}

copy_packages
make_users
configure

rm -f "$image.new"
truncate -s "$(($(du -sm --apparent-size "$stage" | cut -f1) * 5 / 4 + 16))M" "$image.new"
mke2fs -q -F -t ext4 -L testbed-systemd -O '^has_journal' -m 0 -d "$stage" "$image.new"
mv "$image.new" "$image"

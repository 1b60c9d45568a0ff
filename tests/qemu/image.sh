#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes the arm64 device that QEMU boots, in target/qemu: kernel, initrd.cpio, root.img, product.img; faults.img, to be plugged in
# for product.img, with the build in which faults can be planted; led.dtb, the device's tree with two LEDs on pins that lead
# nowhere: a privacy LED that programs may switch, and one that belongs to a driver; and pcm264.ko, a driver of an encoder that
# there is not (encoder/), which the root disk has.
#
# Each part is made again only when what goes into it has changed; after a change of a binary that is the product's disks alone.
# The product is what `cross.sh` left in its target directory. Without it the device boots all the same, with no shutterd in it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
out="$repository/target/qemu"
binaries=${SHUTTERD_BINARIES:-$repository/target/cross/aarch64-unknown-linux-gnu/release}

# Bookworm's kernel: a long-term one, with all this device needs as modules. Forky's user space: the GStreamer that boards will have.
kernel_packages=(linux-image-arm64)
userspace_packages=(
    base-files base-passwd libc-bin dash coreutils findutils busybox-static kmod iproute2 util-linux util-linux-extra strace v4l-utils alsa-utils
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-ugly gstreamer1.0-nice gstreamer1.0-alsa
)
# What makes an appliance of it, on a disk of its own.
appliance_packages=(systemd udev dbus-daemon dbus-system-bus-common dbus-bin libnss-systemd polkitd)
programs=(shutterd shutterctl shutter-media)
# In this order: the checksum is looked up by name when ext4 loads, nothing pulls it in.
initrd_modules=(virtio_pci virtio_blk crc32c_generic libcrc32c ext4 overlay)

if [ "$(id -u)" -ne 0 ]; then
    echo 'image.sh: run as root: the disks hold files of several owners and a registry made under chroot' >&2
    exit 1
fi

hash_of() { sha256sum -- "$@" | sha256sum; }

# make_part OUTPUT HASH COMMAND...: runs the command unless the output was made from the same inputs.
make_part() {
    local output=$1 hash=$2
    shift 2
    if [ -e "$output" ] && [ "$(cat "$output.stamp" 2>/dev/null)" = "$hash" ]; then
        return
    fi
    echo "image: making ${output##*/}" >&2
    rm -f "$output.stamp"
    "$@"
    printf '%s\n' "$hash" > "$output.stamp"
}

make_kernel() {
    cp "$out"/kernel.tree/boot/vmlinuz-* "$out/kernel.new"
    mv "$out/kernel.new" "$out/kernel"
}

make_initrd() {
    local stage="$out/initrd.tree" release module file
    release=$(basename "$out"/kernel.tree/lib/modules/*)
    rm -rf "$stage"
    mkdir -p "$stage"/{bin,dev,proc,sys,modules}
    install -m 755 "$out/userspace.tree/usr/bin/busybox" "$stage/bin/busybox"
    install -m 755 "$here/guest/initrd-init" "$stage/init"
    depmod -b "$out/kernel.tree" "$release"
    for module in "${initrd_modules[@]}"; do
        modprobe -d "$out/kernel.tree" -S "$release" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
    done | awk '!seen[$0]++' | while read -r file; do
        cp "$file" "$stage/modules/"
        basename "$file" >> "$stage/modules/order"
    done
    # The kernel opens the console before its first program could mount /dev.
    mknod -m 600 "$stage/dev/console" c 5 1
    (cd "$stage" && find . -print0 | sort -z | cpio --quiet --null -o -H newc) > "$out/initrd.cpio.new"
    mv "$out/initrd.cpio.new" "$out/initrd.cpio"
}

# Built in a copy, so that nothing is left in the sources; without debugging information, which is most of it.
make_encoder() {
    local stage="$out/encoder.tree" release
    release=$(basename "$out"/kernel.tree/lib/modules/*)
    rm -rf "$stage"
    cp -r "$here/encoder" "$stage"
    make -s -C "$out/headers.tree/usr/src/linux-headers-$release" M="$stage" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- modules >&2
    aarch64-linux-gnu-strip --strip-debug -o "$out/pcm264.ko.new" "$stage/pcm264.ko"
    mv "$out/pcm264.ko.new" "$out/pcm264.ko"
}

# The tree that QEMU would give to the guest (so the same processors and memory as in guest.mjs), and the LEDs. No sensor's driver
# runs here; a backlight's owns an LED in the same way, and its own switch is what the sensor's stream is on a board.
make_led_tree() {
    local tree="$out/led.dtb.new" gpio owned=4096
    qemu-system-aarch64 -M "virt,dumpdtb=$tree" -cpu cortex-a53 -smp 2 -m 1024 -nodefaults -display none
    gpio=$(fdtget -t u "$tree" /pl061@9030000 phandle)
    fdtput -p -t s "$tree" /leds compatible gpio-leds
    fdtput -p -t s "$tree" /leds/camera label camera:green:privacy
    fdtput -t s "$tree" /leds/camera linux,default-trigger none
    fdtput -t u "$tree" /leds/camera gpios "$gpio" 0 0
    fdtput -p -t s "$tree" /leds/sensor label sensor:white:indicator
    fdtput -t u "$tree" /leds/sensor gpios "$gpio" 1 0
    fdtput -t u "$tree" /leds/sensor phandle "$owned"
    fdtput -p -t s "$tree" /sensor compatible led-backlight
    fdtput -t u "$tree" /sensor leds "$owned"
    fdtput -t u "$tree" /sensor brightness-levels 0 255
    fdtput -t u "$tree" /sensor default-brightness-level 0
    mv "$tree" "$out/led.dtb"
}

make_input_device() {
    # The sysroot is cross.sh's; a static program needs nothing of the root disk's.
    aarch64-linux-gnu-gcc --sysroot="$out/sysroot.tree" -static -O1 -Wall -Werror -o "$out/input-device" "$here/guest/input-device.c"
}

product_files() {
    local binaries=$1 binary
    find "$here/guest" "$here/shutterd.toml" "$repository/pipelines" "$repository/data" "$repository/Makefile" -type f ! -name '*.c' | sort
    printf '%s\n' "$out/input-device"
    for binary in "${programs[@]}"; do
        if [ -f "$binaries/$binary" ]; then printf '%s\n' "$binaries/$binary"; fi
    done
}

# A library that the device lacks would only show as a process that ends at once, inside the guest.
check_libraries() {
    local name
    for name in $({ readelf -dW "$1" || true; } | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        if [ -z "$(find "$out/root.tree/usr/lib" -name "$name" -print -quit)" ]; then
            echo "image: ${1##*/} needs $name, which is not on the root disk; add what brings it to root-disk.sh" >&2
            return 1
        fi
    done
}

# make_product NAME BINARIES: what a system image has by `make install`, the test's configuration, and the test's own programs.
make_product() {
    local image="$out/$1.img" stage="$out/$1.tree" binaries=$2 binary
    rm -rf "$stage"
    mkdir -p "$stage/usr/lib/testbed"
    if [ -f "$binaries/shutterd" ]; then
        for binary in "${programs[@]}"; do check_libraries "$binaries/$binary"; done
        make -s -C "$repository" install DESTDIR="$stage" PROGRAMS="$binaries" >&2
    fi
    install -D -m 644 -t "$stage/etc/shutterd" "$here/shutterd.toml"
    install -D -m 644 -t "$stage/etc" "$here/guest/mdev.conf"
    install -m 755 -t "$stage/usr/lib/testbed" "$here"/guest/{agent,appliance,init,service} "$out/input-device"
    rm -f "$image.new"
    truncate -s "$(($(du -sm --apparent-size "$stage" | cut -f1) * 5 / 4 + 8))M" "$image.new"
    mke2fs -q -F -t ext4 -L testbed-product -O '^has_journal' -m 0 -d "$stage" "$image.new"
    mv "$image.new" "$image"
}

product_disk() {
    local files
    mapfile -t files < <(product_files "$2")
    make_part "$out/$1.img" "$(hash_of "${files[@]}" "$0" "$out/root.img.stamp")" make_product "$@"
}

"$here/packages.sh"
mkdir -p "$out"
# Two builds at once (a developer and a test run) would remove each other's trees.
exec 9> "$out/lock"
flock 9

kernel_tree() { "$here/debian-tree.sh" "$out/kernel.tree" bookworm "${kernel_packages[@]}"; }
kernel_headers() { "$here/kernel-headers.sh" "$out/headers.tree" "$out/kernel.tree" bookworm; }
kernel_tree
status=0
kernel_headers || status=$?
if [ "$status" -eq 3 ]; then
    # The archive has a newer kernel than the one that was unpacked some time ago: take that one.
    rm -f "$out/kernel.tree.stamp"
    kernel_tree
    kernel_headers
elif [ "$status" -ne 0 ]; then
    exit "$status"
fi
"$here/debian-tree.sh" "$out/userspace.tree" forky "${userspace_packages[@]}"
"$here/debian-tree.sh" "$out/systemd.tree" forky "${appliance_packages[@]}"

make_part "$out/kernel" "$(hash_of "$out/kernel.tree.stamp")" make_kernel
make_part "$out/initrd.cpio" "$(hash_of "$out/kernel.tree.stamp" "$out/userspace.tree.stamp" "$0" "$here/guest/initrd-init")" make_initrd
make_part "$out/pcm264.ko" "$(hash_of "$out/kernel.tree.stamp" "$out/headers.tree.stamp" "$0" "$here"/encoder/*)" make_encoder
make_part "$out/root.img" "$(hash_of "$out/kernel.tree.stamp" "$out/userspace.tree.stamp" "$here/root-disk.sh" "$out/pcm264.ko")" \
    "$here/root-disk.sh" "$out/userspace.tree" "$out/kernel.tree" "$out/root.img" "$out/pcm264.ko"
make_part "$out/appliance.img" \
    "$(hash_of "$out/systemd.tree.stamp" "$out/root.img.stamp" "$here/appliance-disk.sh" "$here"/appliance/* "$repository"/data/sysusers.d/*)" \
    "$here/appliance-disk.sh" "$out/systemd.tree" "$out/root.tree" "$out/appliance.img"
make_part "$out/led.dtb" "$(hash_of "$0" "$(command -v qemu-system-aarch64)")" make_led_tree
make_part "$out/input-device" "$(hash_of "$out/sysroot.tree.stamp" "$0" "$here/guest/input-device.c")" make_input_device
product_disk product "$binaries"
product_disk faults "${binaries%/*}/faults"

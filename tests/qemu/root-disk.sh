#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes the device's root disk from the unpacked packages:
#
#     root-disk.sh USERSPACE-TREE KERNEL-TREE IMAGE MODULE...
#
# The modules are those that are not the kernel's own.
# Only what the device runs is taken: the named programs and plugins with the libraries they need. A small disk is not the
# point; the emulated processor is slow, and a plugin registry of thirty plugins loads in a tenth of the time of three hundred.
set -euo pipefail

userspace=$1 kernel=$2 image=$3
shift 3
own_modules=("$@")
root="${image%.img}.tree"
release=$(basename "$kernel"/lib/modules/*)
libraries=usr/lib/aarch64-linux-gnu

programs=(
    usr/bin/busybox usr/bin/dash usr/bin/sh usr/bin/kmod usr/sbin/rtcwake usr/bin/strace
    # Busybox has these too, but its own start busybox programs even where the full program of that name is installed.
    usr/bin/env usr/bin/timeout usr/bin/setsid usr/bin/setpriv usr/bin/nsenter usr/bin/unshare usr/bin/find usr/bin/xargs
    usr/bin/ip usr/bin/ss usr/sbin/tc
    usr/bin/v4l2-ctl usr/bin/v4l2-compliance usr/bin/media-ctl usr/bin/aplay usr/bin/arecord usr/bin/amixer
    usr/bin/gst-launch-1.0 usr/bin/gst-inspect-1.0
    "$libraries/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner"
)
plugins=(
    coreelements typefindfunctions app video4linux2 videoconvertscale videorate videotestsrc x264 openh264 vpx opus
    audioconvert audioresample audiotestsrc audiorate volume level alsa rtp rtpmanager srtp dtls sctp nice webrtc
    videoparsersbad jpeg jpegformat playback udp autodetect webrtcdsp
    debugutilsbad # of `whepserversink`, which `make bench-device` measures beside the service
)
# Loaded by name at run time, so that no NEEDED entry leads to them: the ciphers of the library that libsrtp takes them from.
loaded=("$libraries/libsoftokn3.so" "$libraries/libfreebl3.so" "$libraries/libfreeblpriv3.so")
# Data files that programs open by path. `readelf` cannot find these.
data=(usr/share/alsa etc/os-release etc/ld.so.conf etc/ld.so.conf.d usr/lib/os-release)
# Loaded by the guest's init or by a test; dependencies are added.
modules=(
    virtio_net virtio_rng vivid snd-aloop uinput evdev leds-gpio led_bl ledtrig-camera sch_netem
    dummy_hcd libcomposite usb_f_uvc uvcvideo loop
    v4l2_mem2mem videobuf2_vmalloc
)

# One line per library name: "name path", for every shared object of the tree.
index_libraries() {
    (cd "$userspace" && find usr/lib -name '*.so*' \( -type f -o -type l \) -printf '%f %p\n' | sort -u -k1,1)
}

needed_by() {
    { readelf -dW "$@" 2>/dev/null || true; } | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u
}

# Prints the given paths and, library by library, all they need; a symbolic link counts with its target.
closure() {
    local -A path_of seen=()
    local name path target queue=("$@") next
    while read -r name path; do path_of[$name]=$path; done < <(index_libraries)
    while [ "${#queue[@]}" -gt 0 ]; do
        next=()
        for path in "${queue[@]}"; do
            [ -z "${seen[$path]:-}" ] || continue
            seen[$path]=1
            if [ ! -e "$userspace/$path" ] && [ ! -L "$userspace/$path" ]; then
                echo "root-disk: $path is not in the packages" >&2
                return 1
            fi
            printf '%s\n' "$path"
            if [ -L "$userspace/$path" ]; then
                target=$(readlink "$userspace/$path")
                case $target in
                    /*) next+=("${target#/}") ;;
                    *) next+=("$(realpath -ms --relative-to="$userspace" "$userspace/$(dirname "$path")/$target")") ;;
                esac
                continue
            fi
            while read -r name; do
                if [ -z "${path_of[$name]:-}" ]; then
                    echo "root-disk: $path needs $name, which no package brings" >&2
                    return 1
                fi
                next+=("${path_of[$name]}")
            done < <(needed_by "$userspace/$path")
        done
        queue=("${next[@]}")
    done
}

copy_userspace() {
    local list=("${programs[@]}") plugin
    for plugin in "${plugins[@]}"; do list+=("$libraries/gstreamer-1.0/libgst$plugin.so"); done
    closure "${list[@]}" "${loaded[@]}" usr/lib/ld-linux-aarch64.so.1 > "$root.files"
    # tar keeps modification times: the plugin registry is only accepted with the times it was made with.
    tar -C "$userspace" -cf - --no-recursion -T "$root.files" | tar -C "$root" -xf -
    tar -C "$userspace" -cf - bin sbin lib "${data[@]}" | tar -C "$root" -xf -
}

copy_modules() {
    local module list=()
    depmod -b "$kernel" "$release"
    for module in "${modules[@]}"; do
        mapfile -t -O "${#list[@]}" list < <(modprobe -d "$kernel" -S "$release" --show-depends "$module" |
            sed -n 's/^insmod \([^ ]*\).*/\1/p')
    done
    mkdir -p "$root/usr/lib/modules/$release"
    cp "$kernel/lib/modules/$release/"modules.{order,builtin,builtin.modinfo} "$root/usr/lib/modules/$release/"
    printf '%s\n' "${list[@]}" | sort -u | sed "s|^$kernel/lib/||" |
        tar -C "$kernel/lib" -cf - -T - | tar -C "$root/usr/lib" -xf -
    install -D -m 644 -t "$root/usr/lib/modules/$release/updates" "${own_modules[@]}"
    depmod -b "$root" "$release"
}

# What maintainer scripts would have done.
configure() {
    local applet
    mkdir -p "$root"/{dev,proc,sys,run,tmp,root,mnt,var/log,var/cache/gstreamer,var/lib,etc}
    chmod 1777 "$root/tmp"
    ln -s ../run "$root/var/run"
    cp "$userspace/usr/share/libc-bin/nsswitch.conf" "$root/etc/nsswitch.conf"
    cp "$userspace/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
    cp "$userspace/usr/share/base-passwd/group.master" "$root/etc/group"
    # The same names as the product's sysusers file; the numbers only have to be free.
    printf '%s\n' 'input:*:990:shutterd' 'shutterd:*:991:' >> "$root/etc/group"
    sed -i -e 's/^\(video\|audio\):.*:$/&shutterd/' "$root/etc/group"
    echo 'shutterd:*:991:991:shutterd:/var/lib/shutterd:/usr/sbin/nologin' >> "$root/etc/passwd"
    echo testbed > "$root/etc/hostname"
    echo '127.0.0.1 localhost testbed' > "$root/etc/hosts"
    echo '00000000000000000000000000007e57' > "$root/etc/machine-id"
    : > "$root/etc/fstab"
    install -d -o 991 -g 991 "$root/var/lib/shutterd" "$root/var/cache/gstreamer"
    for applet in modprobe insmod rmmod lsmod modinfo depmod; do ln -s ../bin/kmod "$root/usr/sbin/$applet"; done
    # Busybox fills in whatever the packages above did not bring.
    qemu-aarch64-static "$userspace/usr/bin/busybox" --list | while read -r applet; do
        [ -e "$root/usr/bin/$applet" ] || [ -L "$root/usr/bin/$applet" ] || [ -L "$root/usr/sbin/$applet" ] ||
            ln -s busybox "$root/usr/bin/$applet"
    done
    ldconfig -r "$root"
}

# GStreamer's registry, made here by the device's own library: a first scan takes seconds on the emulated processor. The paths
# must be the device's, hence the chroot; GStreamer is told not to fork, because a child would need binfmt_misc.
prepare_registry() {
    cp "$(command -v qemu-aarch64-static)" "$root/emulator"
    # shellcheck disable=SC2016  # expands in the inner shell
    # A mount namespace of its own, so that /proc is gone from the tree however this ends.
    unshare --mount sh -euc '
        mount -t proc proc "$1/proc"
        chroot "$1" /emulator -E GST_REGISTRY_FORK=no -E HOME=/ -E GST_REGISTRY_1_0=/var/cache/gstreamer/registry.bin \
            /usr/bin/gst-inspect-1.0 > "$1.plugins"' sh "$root"
    rm "$root/emulator"
    chown 991:991 "$root/var/cache/gstreamer/registry.bin"
    local plugin
    for plugin in "${plugins[@]}"; do
        if ! grep -q "^$plugin:" "$root.plugins"; then
            echo "root-disk: GStreamer cannot load the plugin $plugin; $root.plugins lists what it can" >&2
            return 1
        fi
    done
}

rm -rf "$root"
mkdir -p "$root"
copy_userspace
copy_modules
configure
prepare_registry

rm -f "$image.new"
truncate -s "$(($(du -sm --apparent-size "$root" | cut -f1) * 5 / 4 + 16))M" "$image.new"
mke2fs -q -F -t ext4 -L testbed-root -O '^has_journal' -m 0 -d "$root" "$image.new"
mv "$image.new" "$image"

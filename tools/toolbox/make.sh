#!/bin/bash
# make.sh DIR [OLD]: makes the toolbox, a Debian forky root with every tool of the build (the packages of
# the list beside this file), in DIR, which must not exist: with mmdebstrap, or from OLD, a toolbox that was
# made with another list, by installing what it lacks.  As root or, with uidmap, as a normal user.
# Its /etc/cloud-boot-recipe holds the checksum of this file: only a toolbox of the same recipe can be OLD.
# Its /etc/cloud-boot-toolbox lists what is in it, a package a line: name:architecture version sha256.
#   CLOUD_BOOT_DEBIAN=http://.../archive/debian/20261122T000000Z    another archive, such as a snapshot
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$1 old=${2-}
packages=$(grep -v '^#' "$here/packages" | tr -s ' \n' ' ')

# Runs in the new root: parts of packages that cannot be installed here, then the list of all packages with the
# checksums of the archive's index.  The parts are Rust's standard library and GRUB's modules for the other
# architectures (installing them would pull in their LLVM and GRUB itself), and ztest, which makes ZFS pools
# without a kernel (installing it would compile the kernel's module).
finish='
set -e
list=/etc/cloud-boot-toolbox
: >$list.new
take() { # FOLDER PACKAGE...: copies the folder of each package to the same place
    folder=$1
    shift
    rm -rf /tmp/take && mkdir /tmp/take && cd /tmp/take
    apt-get -qq -o APT::Sandbox::User=root download "$@"
    for d in *.deb; do
        dpkg-deb -x "$d" x
        mkdir -p "/$folder"
        cp -r "x/$folder/." "/$folder/"
        rm -rf x
        dpkg-deb -W --showformat="\${Package}:\${Architecture} \${Version}\n" "$d" >>$list.new
    done
}
take usr/lib/rustlib libstd-rust-dev:arm64 libstd-rust-dev:riscv64 libstd-rust-dev:loong64
take usr/lib/grub grub-efi-arm64-bin:arm64 grub-efi-riscv64-bin:riscv64 grub-efi-loong64-bin:loong64
take usr/sbin zfs-test
cd /
rm -rf /tmp/take
dpkg-query -W -f "\${Package}:\${Architecture} \${Version}\n" >>$list.new
/usr/lib/apt/apt-helper cat-file /var/lib/apt/lists/*_Packages* | awk "
    FNR == NR { want[\$1 \" \" \$2] = 1; next }
    /^Package: / { p = \$2 } /^Version: / { v = \$2 } /^Architecture: / { a = \$2 }
    /^SHA256: / { k = p \":\" a \" \" v; if (k in want) { print k, \$2; delete want[k] } }
    END { for (k in want) print k, \"-\" }
" $list.new - | LC_ALL=C sort >$list
rm $list.new'
export finish packages

if [ -n "$old" ]; then
    cp -a --reflink=auto "$old" "$dir"
    rm -f "$dir/etc/cloud-boot-toolbox" # not whole until the end
    cp --remove-destination /etc/resolv.conf "$dir/etc/resolv.conf"
    ns=(--mount --pid --fork --kill-child)
    [ "$(id -u)" = 0 ] || ns+=(--user --map-root-user --map-auto)
    unshare "${ns[@]}" -- bash -ec '
        mount --rbind /dev "$1/dev"
        mount --rbind /sys "$1/sys"
        mount -t proc proc "$1/proc"
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
        chroot "$1" apt-get -qq -o APT::Sandbox::User=root update
        chroot "$1" apt-get -y -qq -o APT::Sandbox::User=root --no-install-recommends install $packages
        chroot "$1" sh -c "$finish"' install "$dir"
    exit
fi

mmdebstrap --variant=apt --architectures=amd64,arm64,riscv64,loong64 --components=main,contrib \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='mkdir -p "$1/usr/share/man/man1"' \
    --include="${packages//$'\n'/ }" --skip=cleanup/apt/lists \
    --customize-hook='chroot "$1" sh -c "$finish"' \
    --customize-hook="sha256sum <'$here/make.sh' >\"\$1/etc/cloud-boot-recipe\"" \
    forky "$dir" ${CLOUD_BOOT_DEBIAN:+"$CLOUD_BOOT_DEBIAN"}

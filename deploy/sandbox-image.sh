#!/bin/sh
# Builds the image of the sandbox's docker backend from Debian packages, with no registry.
# Usage: deploy/sandbox-image.sh [NAME]    as root; needs debootstrap, tar and a running docker.
# MIRROR and SUITE choose the packages; PACKAGES adds some (such as python3-numpy) for candidates.
set -eu

name=${1:-budget-router-sandbox}
suite=${SUITE:-bookworm}
packages=python3,python3-pytest,tzdata${PACKAGES:+,$PACKAGES}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${MIRROR:+"$MIRROR"}

# What a candidate has no use for: programs that change identity, the package manager, its caches.
find "$root" -xdev -perm /6000 -type f -exec chmod a-s {} +
rm -rf "$root"/var/cache/apt "$root"/var/lib/apt "$root"/var/log "$root"/usr/share/doc \
    "$root"/usr/share/man "$root"/usr/share/locale
mkdir -p "$root/var/log"

tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
    docker import --change 'ENV PATH=/usr/bin' --change 'WORKDIR /' - "$name"

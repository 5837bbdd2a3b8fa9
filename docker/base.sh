#!/bin/sh
# Makes the images that the Dockerfiles build on, for machines that reach a Debian mirror but no
# image registry. As root, with debootstrap and a Docker engine:
#
#   docker/base.sh debian NAME    a small Debian, in place of debian:bookworm-slim
#   docker/base.sh rust NAME DEBIAN    with this machine's Rust, in place of rust:slim
#
# The mirror and the certificate authorities of this machine go into them.
set -eu
release=bookworm
PATH="$PATH:/usr/sbin:/sbin"

# The mirror that this machine's apt uses for the release.
mirror() {
    # shellcheck disable=SC2016 # apt's own variable
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" |
        head -n 1
}

debian() {
    name=$1
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    from=${MIRROR:-$(mirror)}
    debootstrap --variant=minbase --include=ca-certificates "$release" "$root" \
        "${from:-http://deb.debian.org/debian}" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        exit 1
    }
    rm -f "$root.log"
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null ||
        true
    chroot "$root" update-ca-certificates >/dev/null 2>&1
    # What the official slim images leave out too.
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* \
        "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/var/log/*
    printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
    # Installing a daemon in an image does not start it.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    tar --create --directory "$root" --numeric-owner . | docker import - "$name" >/dev/null
}

rust() {
    name=$1 debian=$2
    sysroot=$(rustc --print sysroot)
    context=$(mktemp -d)
    trap 'rm -rf "$context"' EXIT
    mkdir "$context/rust"
    # The compiler, cargo and the standard library; neither documentation nor sources.
    (cd "$sysroot" && find bin/cargo bin/rustc lib -path lib/rustlib/src -prune -o -print0 |
        tar --create --no-recursion --null --files-from=-) | tar --extract --directory "$context/rust"
    cat >"$context/Dockerfile" <<'END'
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY rust /usr/local
ENV CARGO_HOME=/usr/local/cargo
END
    docker build --quiet --network host --build-arg DEBIAN="$debian" --tag "$name" "$context" \
        >/dev/null
}

case "${1:-} $#" in
    "debian 2" | "rust 3") "$@" ;;
    *) echo "usage: docker/base.sh debian NAME | rust NAME DEBIAN" >&2; exit 64 ;;
esac

# make_room CACHE OWN WANTED: frees space in tools/bazel's folder until WANTED KiB are free, and says what it removes.
#
#   CACHE/HASH/{root,bazel,bazelrc}   a toolbox and the output bases made with it; OWN is the HASH of this call
#   CACHE/disk/{ac,cas}               Bazel's disk cache
#
# Nothing else does this on short-lived machines: Bazel trims its disk cache only after its server has been idle for
# minutes, and does not know about removed checkouts or toolboxes of older recipes.
#   always                output bases whose checkout is gone
#   if less is free       toolboxes with their output bases, the one used longest ago first; then entries of the
#                         disk cache, those used longest ago first
# What a running server uses is kept.  Sourced by tools/bazel; tested by tools/nested/tests/room.rs.

# For a normal user, the files of a toolbox belong to the user's subordinate ids.
remove() {
    if [ "$(id -u)" = 0 ]; then
        rm -rf --one-file-system "$@"
    else
        unshare --user --map-root-user --map-auto rm -rf --one-file-system "$@"
    fi
}

free_kib() { df --output=avail -k "$1" | tail -n 1; }

# Whether a Bazel server runs in this output base.  The process id alone may belong to another program by now.
is_served() {
    local pid
    pid=$(cat "$1/server/server.pid.txt" 2>/dev/null) && grep -qsF "$1" "/proc/$pid/cmdline"
}

make_room() {
    local cache=$1 own=$2 wanted=$3 base checkout rc home free entries
    for base in "$cache"/*/bazel/*/; do
        base=${base%/}
        checkout=$(cat "$base/DO_NOT_BUILD_HERE" 2>/dev/null) || continue
        [ -e "$checkout" ] || is_served "$base" && continue
        say "$checkout is gone: removing its build output"
        remove "$base"
    done
    # The rc files tell when a toolbox was last used: each call rewrites that of its own.
    while IFS= read -r rc; do
        [ "$(free_kib "$cache")" -lt "$wanted" ] || return 0
        home=$(dirname "$rc")
        [ "$(basename "$home")" != "$own" ] || continue
        for base in "$home"/bazel/*/; do
            is_served "${base%/}" && continue 2
        done
        say "less than $((wanted >> 20)) GiB are free: removing the older toolbox in $home and what was built with it"
        remove "$home"
    done < <(ls -1tr "$cache"/*/bazelrc 2>/dev/null)
    free=$(free_kib "$cache")
    [ "$free" -lt "$wanted" ] || return 0
    # Before the first build there is no disk cache, and Bazel may remove entries at the same time.
    entries=$(cd "$cache" && find disk/ac disk/cas -type f -printf '%T@ %k %p\n' 2>/dev/null | LC_ALL=C sort -n |
        awk -v kib=$((wanted - free)) 'sum < kib { sum += $2; print $3 }') || true
    [ -n "$entries" ] || return 0
    say "less than $((wanted >> 20)) GiB are free: removing what was used longest ago from $cache/disk"
    (cd "$cache" && xargs rm -f <<<"$entries")
}

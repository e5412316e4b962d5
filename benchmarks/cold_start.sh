#!/usr/bin/env bash
# Seconds from `git clone` and from `make run` to the first page, in a fresh clone with an empty HOME.
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
server=
finish() {
    if [[ -n $server ]]; then kill -- "-$server" 2>/dev/null || true; fi
    rm -rf "$folder"
}
trap finish EXIT

mkdir "$folder/home"
git clone --quiet "$source" "$folder/shardplan"
cd "$folder/shardplan"

start=$EPOCHREALTIME
set -m
HOME="$folder/home" PORT=$port make run >"$folder/log" 2>&1 &
server=$!
set +m

until curl --silent --fail --output "$folder/page.html" "http://127.0.0.1:$port/"; do
    if ! kill -0 "$server" 2>/dev/null || (($(date +%s) - ${start%.*} > 300)); then
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.1
done
end=$EPOCHREALTIME

awk -v start="$start" -v end="$end" -v bytes="$(wc -c <"$folder/page.html")" \
    'BEGIN { printf "make run to the first page: %.1f s (%d bytes of HTML)\n", end - start, bytes }'

# What the demos say, and how they run their commands and start containers. To be read by them.
# shellcheck shell=sh
if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') off=$(printf '\033[0m'); else bold='' dim='' off=''; fi

title() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
now() { date +%s%N; }

# Shows a command line, runs it exactly as shown, and says how long it took.
try() {
    printf '%s$ %s%s\n' "$bold" "$1" "$off"
    start=$(now)
    eval "$1"
    end=$(now)
    printf '%s  (%d.%d ms)%s\n' "$dim" $(((end - start) / 1000000)) $(((end - start) / 100000 % 10)) "$off"
}

# Starts containers in an engine, which the words before `--` lead to, beside each other.
start() {
    into=''
    while [ "$1" != -- ]; do into="$into $1" && shift; done
    shift
    for name in "$@"; do
        $into docker run --name "$name" --hostname "$name" --network=none --stop-signal=KILL --volume=/usr:/usr:ro \
            --security-opt=apparmor=unconfined --log-driver=json-file --detach nicon-lab sleep infinity >/dev/null &
    done
    wait
}

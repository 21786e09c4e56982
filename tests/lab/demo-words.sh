# What the demos say and how they run their commands. To be read by them.
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

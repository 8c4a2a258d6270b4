#!/bin/sh
# run-job.sh ROOT JOB [EMULATOR…]
#
# Runs the program that JOB/job.sh describes, with ROOT for its root directory: whatever absolute path it opens is
# looked for there. Needs a POSIX shell and the usual small tools. Leaves in JOB: out/ (its OUT_DIR), stdout, stderr,
# kept/ (new files in other directories that were asked for), result.json. Ends with 0 when the program ran, whatever
# came of it; with 3, and the reasons, when it cannot run; with 4 when the disk is full; with 5 when the program made
# more in OUT_DIR than may travel.
#
# The ways, in this order; the first one that can run a program of the target is taken:
#   emulator    only with EMULATOR (@ROOT@ in it becomes ROOT); QEMU's -L looks into ROOT first
#   namespaces  user, mount and process namespaces of its own (unshare of util-linux); nothing outside is touched
#   in place    symbolic links from the missing directories to ROOT; only where nothing of that name exists, and they
#               are removed again; the program is started through the loader in ROOT
#   container   Docker, with an image made from ROOT
set -uf
# A Mac's tar would pack attributes as further files.
export LC_ALL=C COPYFILE_DISABLE=1
umask 022
self=$0
newline='
'
# Lists are one item a line: paths may have spaces in them.
IFS=$newline

say() { printf '%s\n' "$*" >&2; }

# --- inside: what each way does once it was chosen ---

mounts() {
    # The sources may lie in /tmp.
    [ -n "$(ls -A "$root/tmp")" ] || mount -t tmpfs tmpfs "$root/tmp" || return 1
    mount --rbind /dev "$root/dev" && { [ -z "$out_dir" ] || mount --bind "$job/out" "$root$out_dir"; } &&
        { mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"; }
}

enter_emulator() {
    for word; do
        case $word in *@ROOT@*) word=${word%%@ROOT@*}$root${word#*@ROOT@} ;; esac
        shift
        set -- "$@" "$word"
    done
    seen_out_dir=$job/out
    cd "$root$workdir" || exit 125
    case $what in
        verify) apart launch "$@" "$root$loader" --verify "$root$program" ;;
        run) apart launch_program "$@" "$root$program" ;;
    esac
}

# The shell stays as the first process of its namespace: that one is spared the signals that it sends itself. What the
# shell has to say about signals is not the program's.
apart() {
    exec 3>&2 2>/dev/null
    ("$@" 2>&3 3>&-)
    exit $?
}

enter_namespaces() {
    mounts || exit 125
    seen_out_dir=$out_dir
    unshare=$(command -v unshare)
    case $what in
        verify) apart launch "$unshare" --root="$root" --wd="$workdir" "$loader" --verify "$program" ;;
        run) apart launch_program "$unshare" --root="$root" --wd="$workdir" "$program" ;;
    esac
}

enter_in_place() {
    seen_out_dir=$job/out
    case $what in
        verify) apart launch "$root$loader" --verify "$root$program" ;;
        run)
            cd "$workdir" || exit 125
            [ -z "$loader" ] || set -- "$root$loader" --library-path "$(library_path)"
            apart launch_program "$@" "$root$program"
            ;;
    esac
}

library_path() {
    path=
    for directory in $library_dirs; do path=$path${path:+:}$root$directory; done
    printf '%s' "$path"
}

enter_container() {
    case $what in
        verify) in_container "$loader" --verify "$program" ;;
        run) program_in_container "$program" ;;
    esac
}

if [ "$1" = --enter ]; then
    way=$2 what=$3 root=$4 job=$5
    shift 5
    . "$job/job.sh"
    # A program without a loader cannot be verified without running it.
    [ "$what$loader" != verify ] || { [ "$way" != namespaces ] || mounts && exit; }
    case $way in
        emulator) enter_emulator "$@" ;;
        namespaces) enter_namespaces ;;
        "in place") enter_in_place ;;
        container) enter_container ;;
    esac
    exit 125
fi

# --- outside ---

root=$1 job=$2
shift 2
. "$job/job.sh"
mkdir -p "$job/out" "$job/kept" && [ -d "$root" ] || exit 3
links= image= main= group= fence= owner=

tidy() {
    trap - EXIT HUP INT TERM PIPE
    if [ -n "$main" ]; then
        kill -s KILL -- "$group$main" 2>/dev/null
        wait "$main" 2>/dev/null
    fi
    for link in $links; do rm -f "$link"; done
    if [ -n "$image" ]; then
        end_container
        docker image rm -f "$image" >/dev/null 2>&1
    fi
}
# The engine's command line may be gone, and the container is not: nobody else ends it.
end_container() { docker rm -f "$image-verify" "$image-run" >/dev/null 2>&1; }
trap tidy EXIT
trap 'exit 129' HUP INT TERM PIPE

# Everything goes through a shell of its own, so that it can lead a session and be stopped with all its children; where
# that can be had, in a process namespace of its own, out of which no child escapes.
start() {
    what=$1
    shift
    case $way in
        namespaces) set -- unshare -Urmpf --kill-child sh "$self" --enter "$way" "$what" "$root" "$job" ;;
        emulator | "in place") set -- $fence sh "$self" --enter "$way" "$what" "$root" "$job" "$@" ;;
        *) set -- sh "$self" --enter "$way" "$what" "$root" "$job" "$@" ;;
    esac
    if command -v setsid >/dev/null 2>&1; then
        group=-
        set -- setsid "$@"
    fi
    image=$image container=$image-$what owner=$owner "$@" </dev/null &
    main=$!
}

works() {
    start verify "$@" >"$job/why" 2>&1
    wait "$main"
    code=$?
    main=
    [ "$code" = 0 ] && return 0
    say "$way: not possible here: exit status $code $(head -c 500 "$job/why" | tr '\n' ' ' | tr -cd '[:print:]')"
    return 1
}

has_unshare() { command -v unshare >/dev/null 2>&1 && unshare --help 2>&1 | grep -q -- --kill-child; }

# The shell takes what the kernel does not know for a script: a program of another CPU must not come that far.
right_cpu() {
    [ "$(machine_of "$root$program")" = "$(machine_of /proc/self/exe)" ] && return 0
    for handler in $(ls /proc/sys/fs/binfmt_misc 2>/dev/null); do
        case $handler in register | status) ;; *) return 0 ;; esac
    done
    say "$way: this machine has another CPU ($(uname -m))"
    return 1
}

# e_machine of an ELF file: the program itself where /proc/self/exe is named.
machine_of() { od -An -tx1 -j18 -N2 "$1" 2>/dev/null; }

can_namespaces() {
    way=namespaces
    right_cpu || return 1
    if ! has_unshare; then
        say "namespaces: there is no unshare of util-linux"
        return 1
    fi
    works
}

can_in_place() {
    way="in place"
    right_cpu || return 1
    works || return 1
    for directory in $source_dirs; do
        first=$directory
        while [ ! -e "${first%/*}/" ]; do first=${first%/*}; done
        if [ -e "$directory" ] && ! ours "$directory"; then
            say "in place: $directory is there already"
            return 1
        fi
        if ! ours "$directory"; then
            if ! ln -s "$root$first" "$first" 2>/dev/null; then
                say "in place: $first cannot be made"
                return 1
            fi
            links=$links$newline$first
        fi
    done
}

ours() {
    for link in $links; do
        case $1/ in "$link"/*) return 0 ;; esac
    done
    return 1
}

can_container() {
    way=container
    if ! command -v docker >/dev/null 2>&1; then
        say "container: there is no docker"
        return 1
    fi
    image=snapstitch-$$
    if ! tar -C "$root" -cf - . | docker import --platform "$platform" - "$image" >/dev/null 2>"$job/why"; then
        image=
        say "container: docker cannot make an image: $(head -c 500 "$job/why" | tr '\n' ' ')"
        return 1
    fi
    # What the program writes is to be the caller's; a rootless engine has the caller for its root.
    owner=$(id -u):$(id -g)
    case $(docker info --format '{{.SecurityOptions}}' 2>/dev/null) in *name=rootless*) owner=0:0 ;; esac
    works
}

choose() {
    if has_unshare && unshare -Urpf --kill-child true 2>/dev/null; then
        fence="unshare$newline-Urpf$newline--kill-child"
    fi
    if [ $# -gt 0 ]; then
        way=emulator
        works "$@"
    else
        can_namespaces || can_in_place || can_container
    fi
}

now() {
    moment=$(date +%s.%N)
    case $moment in *[!0-9.]*) date +%s ;; *) printf '%s' "$moment" ;; esac
}

# Of the children, from what `times` says; a shell in $(…) would say its own.
cpu_seconds() { tail -n 1 "$1" | tr 'ms' '  ' | awk '{ printf "%.3f", $1 * 60 + $2 + $3 * 60 + $4 }'; }

# However much a program says: the beginning and the end are kept, a half each.
shorten() {
    [ "$(wc -c <"$1")" -le "$said_bytes" ] && return 0
    { head -c $((said_bytes / 2)) "$1" && tail -c $((said_bytes / 2)) "$1"; } >"$1.short" && mv "$1.short" "$1"
}

# Files of the directories that were asked for, other than those that came with the job: they have its time or an
# earlier one.
keep() {
    for directory in $kept_dirs; do
        find "$root$directory" -type f -newer "$job/job.sh" -exec sh -c '
            root=$1 kept=$2
            shift 2
            for file; do
                place=$kept${file#"$root"}
                mkdir -p "${place%/*}" && mv "$file" "$place" || exit 1
            done' sh "$root" "$job/kept" {} + || return 1
    done
}

# Of all files that are to travel; one with holes in it counts as a whole.
too_large() {
    made_kib=$(find "$job/out" -type f -exec ls -ln {} + 2>/dev/null | awk '{ sum += $5 } END { printf "%d", sum / 1024 }')
    [ "$made_kib" -gt "$limit_kib" ]
}

watch() {
    seconds=0 mark=timed-out
    while [ "$seconds" -lt "$timeout_s" ]; do
        sleep 1
        kill -0 "$main" 2>/dev/null || exit 0
        if too_large; then
            mark=too-large
            break
        fi
        seconds=$((seconds + 1))
    done
    : >"$job/$mark"
    kill -s KILL -- "$group$main"
}

if ! choose "$@"; then
    say "no program of $target can be run here"
    exit 3
fi
ulimit -f "$file_blocks" 2>/dev/null
said_bytes=67108864
rm -rf "$job/timed-out" "$job/too-large"
# Room for what is to be written down, should the program fill the disk.
head -c 65536 /dev/zero >"$job/room" || exit 4
began=$(now)
times >"$job/times-before"
start run "$@" >"$job/stdout" 2>"$job/stderr"
watch >/dev/null 2>&1 </dev/null &
watcher=$!
wait "$main"
code=$?
[ -n "$group" ] && kill -s KILL -- "-$main" 2>/dev/null
main=
[ -z "$image" ] || end_container
kill "$watcher" 2>/dev/null
if [ -e "$job/too-large" ] || too_large; then
    rm -f "$job/room"
    say "the program made more than $limit_kib KiB in OUT_DIR"
    exit 5
fi
if [ "$code" != 0 ] && ! head -c 4096 /dev/zero >"$job/more"; then
    rm -f "$job/room" "$job/more"
    say "No space left on device when the program ended"
    exit 4
fi
rm -f "$job/room" "$job/more"
took=$(awk "BEGIN { print $(now) - $began }")
times >"$job/times-after"
burnt=$(awk "BEGIN { print $(cpu_seconds "$job/times-after") - $(cpu_seconds "$job/times-before") }")
[ -e "$job/timed-out" ] && timed_out=true || timed_out=false
case $way in emulator | "in place") seen=$job/out ;; *) seen=$out_dir ;; esac
shorten "$job/stdout" && shorten "$job/stderr" && keep || exit 4
model=$(sed -n -e 's/^[Mm]odel name[[:space:]]*: *//p' -e 's/^cpu model[[:space:]]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1 | tr -cd 'A-Za-z0-9 ._@()-')
printf '{"exit_code": %d, "timed_out": %s, "duration_s": %s, "cpu_s": %s, "way": "%s", "out_dir": "%s", "system": "%s", "cpu_model": "%s"}\n' \
    "$code" "$timed_out" "$took" "$burnt" "$way" "${seen:-/}" "$(uname -sr | tr -cd 'A-Za-z0-9 ._+-')" \
    "$(uname -m)${model:+ $model}" >"$job/result.json"

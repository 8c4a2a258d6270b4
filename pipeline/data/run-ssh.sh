# Runs the job that was sent, in the private directory that holds it, and sends back what it made. A sign of life every
# second: when nobody can hear it, the connection is gone, and the program with it.
# Nothing else may hold it: the connection ends when nobody has it any more.
exec 3>&2
trap 'kill $main $alive 2>/dev/null; exit 129' HUP INT TERM PIPE
echo "@snapstitch received" >&2
mkdir job && mv job.sh job/ || exit 72
sh ./run-job.sh "$PWD/root" "$PWD/job" @EMULATOR@ >/dev/null </dev/null 3>&- &
main=$!
(
    while sleep 1 3>&-; do
        (echo "@snapstitch alive" >&3) 2>/dev/null || { kill "$main"; exit; }
    done
) >/dev/null 2>&1 </dev/null &
alive=$!
wait "$main"
code=$?
kill "$alive" 2>/dev/null
echo "@snapstitch exit $code" >&2
case $code in 3 | 5) exit 0 ;; esac
[ "$code" = 0 ] && [ -s job/result.json ] || exit 73
odd=$(find job/out job/kept ! -type f ! -type d | head -n 1)
[ -z "$odd" ] || { echo "@snapstitch odd ${odd#job/*/}" >&2; exit 75; }
echo "@snapstitch ran" >&2
tar -C job -cf - out kept stdout stderr result.json || exit 74
echo "@snapstitch done" >&2

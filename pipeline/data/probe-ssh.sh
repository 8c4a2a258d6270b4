# Runs the tiny program that was sent. The shell takes what the kernel does not know for a script: a program of another
# CPU must not come that far.
machine_of() { od -An -tx1 -j18 -N2 "$1" 2>/dev/null; }
set -- @EMULATOR@
echo "@snapstitch received" >&2
foreign=$(ls /proc/sys/fs/binfmt_misc 2>/dev/null | grep -v -x -e register -e status)
if [ $# = 0 ] && [ -z "$foreign" ] && [ "$(machine_of probe)" != "$(machine_of /proc/self/exe)" ]; then
    echo "this machine has another CPU: $(uname -m)" >&2
    exit 0
fi
chmod 755 probe
"$@" ./probe
echo "@snapstitch exit $?" >&2

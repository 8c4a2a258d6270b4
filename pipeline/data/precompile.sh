#!/bin/sh
# precompile.sh STORE COMPILER ARGUMENT...
# Calls COMPILER for one source file of a GN target, with the headers that many sources of that target include compiled
# once and kept in STORE. V8's sources spend four fifths of their time on headers. What comes out is the same; where a
# precompiled header cannot be made or does not fit, the compiler is called as it was asked to be.
set -u
store=$1 compiler=$2
shift 2

# A header must be asked for by one source in so many; fewer than so many sources are not worth it.
one_in=10
worth=30

out='' source='' previous=''
for argument in "$@"; do
  case $previous in
    -o) out=$argument ;;
    -c) source=$argument ;;
  esac
  previous=$argument
done

plain() { exec "$compiler" "$@"; }

case $source in *.cc) ;; *) plain "$@" ;; esac
case $out in obj/*/*.o) ;; *) plain "$@" ;; esac
# GN writes down what belongs to the target obj/a/NAME in obj/a/NAME.ninja; its objects lie in obj/a/NAME/.
target=${out%/*}
[ -f "$target.ninja" ] || plain "$@"
grep -qF ": cxx $source " "$target.ninja" || plain "$@"

# Call the compiler for the header $1 with all arguments but those that say what is compiled, and to where.
make_header() (
  header=$1 left=$(($# - 1))
  shift
  while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    case $argument in
      -MF | -o | -c) shift && left=$((left - 1)) ;;
      -MD | -MMD) ;;
      *) set -- "$@" "$argument" ;;
    esac
  done
  if [ "$header" = - ]; then
    printf '%s\n' "$compiler" "$target" "$@"
  else
    # Old: ninja takes an object for stale whose inputs are newer than the beginning of its compilation.
    touch -t 200001010000 "$header" &&
      "$compiler" "$@" -x c++-header "$header" -o "${header%.h}.part" &&
      touch -t 200001010000 "${header%.h}.part" && mv -f "${header%.h}.part" "${header%.h}.pch"
  fi
)

# The headers of the sources, those first that most of them include. Files that define macros for the rest of a source
# are not among them: they mean something at the place where they stand only.
choose_headers() {
  sources=$(sed -n 's/^build [^ ]*\.o: cxx \([^ ]*\).*/\1/p' "$target.ninja")
  number=$(printf '%s\n' "$sources" | wc -l)
  [ "$number" -ge "$worth" ] || return 1
  # shellcheck disable=SC2086 -- GN's paths have no blanks
  grep -hsoE '^#include "(src|torque-generated)/[^"]+\.h"' $sources | grep -vE 'macros|undef' | sort | uniq -c |
    sort -k1,1nr -k2 | awk -v least=$((number / one_in)) '$1 >= least { print $2, $3 }' | grep .
}

base=$store/$(make_header - "$@" | sha256sum | cut -c1-16)
if [ ! -f "$base.pch" ] && [ ! -f "$base.none" ]; then
  mkdir -p "$store"
  (
    flock 9
    if [ ! -f "$base.pch" ] && [ ! -f "$base.none" ]; then
      { choose_headers >"$base.h" && make_header "$base.h" "$@" 2>"$base.log"; } || : >"$base.none"
    fi
  ) 9>"$base.lock"
fi
[ -f "$base.pch" ] || plain "$@"

said=$base.$$.said
if "$compiler" -include-pch "$base.pch" "$@" 2>"$said"; then
  cat "$said" >&2
  rm -f "$said"
  exit 0
fi
# A generated header that was written again since: the next source makes the precompiled one anew.
grep -q 'since the precompiled header' "$said" && rm -f "$base.pch"
{ printf '%s\n' "$source" && head -c 4000 "$said"; } >>"$base.misses"
rm -f "$said"
plain "$@"

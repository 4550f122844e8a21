# Prints what bash completes: the script, then the words, the last one unfinished.
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
complete -p postern >/dev/null || exit 1
_postern
printf '%s\n' "${COMPREPLY[@]}"

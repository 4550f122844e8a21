# In the pseudo-terminal: prints what completion offers behind one Tab, and ends.
PROMPT=
autoload -Uz compinit
compinit -u -d "$HOME/.zcompdump"
source $OFFER_SCRIPT
bindkey '^M' undefined
bindkey '^J' undefined
bindkey '^I' complete-word
finish() { print -r -- END; exit }
comppostfuncs=(finish)
compadd() {
  # These ask, or fill arrays, and offer nothing.
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a offered
  local word
  builtin compadd -A offered "$@"
  for word in $offered; do print -r -- "OFFER $word"; done
  # Whether something was offered decides what is tried next.
  builtin compadd "$@"
}
print READY

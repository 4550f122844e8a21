# Prints what zsh completes: inner.zsh, then the command line. Completion needs
# a terminal, so an interactive zsh runs in a pseudo-terminal.
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "source ${(q)1}"
while zpty -r inner line; do [[ $line == READY* ]] && break; done
zpty -w -n inner "$2"$'\t'
while zpty -r inner line; do
  line=${line%%$'\r\n'}
  [[ $line == *END ]] && break
  [[ $line == *OFFER\ * ]] && print -r -- "${line##*OFFER }"
done
true

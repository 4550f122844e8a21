import { type CommandModel, flatten, type Values } from './model.ts';

/**
 * A script for bash 3.2 and later, without the bash-completion package. It
 * finds the command by walking the words before the cursor; `--name=value`
 * comes as three words, since `=` breaks them.
 */
export function bashScript(program: CommandModel): string {
  const commands = flatten(program);
  return `# bash completion of ${program.name}, written by \`${program.name} completion bash\`
_${program.name}_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }

_${program.name}_paths() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$cur"))
  compopt -o filenames 2>/dev/null || true
}

_${program.name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local path=${program.name} value='' count=0 word i
  COMPREPLY=()
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = && $COMP_CWORD -ge 2 ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == = ]] && continue
    if [[ -n $value ]]; then
      value=''
      continue
    fi
    case "$path $word" in
${walk(commands)}
      *' '-*) ;;
      *) count=$((count + 1)) ;;
    esac
  done
  case "$path $prev" in
${values(commands)}
  esac
  if [[ $cur == -* ]]; then
    case $path in
${commands.map(command => `      ${quoted(command.path)}) _${program.name}_words ${quoted(optionNames(command).join(' '))} ;;`).join('\n')}
    esac
    return
  fi
  case "$path $count" in
${operands(commands)}
  esac
}

complete -F _${program.name} ${program.name}
`;

  function walk(all: readonly CommandModel[]): string {
    const children = all.flatMap(({ commands: below }) =>
      below.map(child => `      ${quoted(child.path)}) path=${quoted(child.path)} count=0 ;;`),
    );
    const valued = all.flatMap(command =>
      command.options
        .filter(option => option.value !== undefined)
        .map(option => patterns(command, option.names)),
    );
    return [...children, ...(valued.length === 0 ? [] : [`      ${valued.join(' | ')}) value=1 ;;`])].join(
      '\n',
    );
  }

  function values(all: readonly CommandModel[]): string {
    return all
      .flatMap(command =>
        command.options.flatMap(({ names, value }) =>
          value === undefined ? [] : [`    ${patterns(command, names)}) ${complete(value)}return ;;`],
        ),
      )
      .join('\n');
  }

  /** What stands where no option does: commands, and arguments by their number. */
  function operands(all: readonly CommandModel[]): string {
    return all
      .flatMap(command => {
        if (command.commands.length > 0) {
          const words = command.commands.map(child => child.name).join(' ');
          return [`    ${quoted(`${command.path} 0`)}) _${program.name}_words ${quoted(words)} ;;`];
        }
        return command.arguments.flatMap(({ values: what, variadic }, i) => {
          if (what.kind === 'none') return [];
          const pattern = variadic ? `${quoted(`${command.path} `)}*` : quoted(`${command.path} ${i}`);
          return [`    ${pattern}) ${complete(what)};;`];
        });
      })
      .join('\n');
  }

  function complete(value: Values): string {
    switch (value.kind) {
      case 'choices':
        return `_${program.name}_words ${quoted(value.words.join(' '))}; `;
      case 'file':
        return `_${program.name}_paths -f; `;
      case 'directory':
        return `_${program.name}_paths -d; `;
      default:
        return '';
    }
  }
}

function optionNames(command: CommandModel): string[] {
  return command.options.flatMap(option => option.names);
}

function patterns(command: CommandModel, names: readonly string[]): string {
  return names.map(name => quoted(`${command.path} ${name}`)).join(' | ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

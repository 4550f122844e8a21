import { type CommandModel, flatten, type OptionModel, type Values } from './model.ts';

/** A script for zsh's completion system: to be evaluated after `compinit`, or a file of the function path. */
export function zshScript(program: CommandModel): string {
  return `#compdef ${program.name}
# zsh completion of ${program.name}, written by \`${program.name} completion zsh\`
compdef _${program.name} ${program.name}

${flatten(program).map(commandFunction).join('\n')}
# As a file of the function path it is this function's first call.
if [ "$funcstack[1]" = "_${program.name}" ]; then _${program.name} "$@"; fi
`;
}

/** \`postern secret guest\` is completed by \`_postern_secret_guest\`. */
function functionName(command: CommandModel): string {
  return `_${command.path.replaceAll(/[ -]/g, '_')}`;
}

function commandFunction(command: CommandModel): string {
  const specs = [...command.options.map(optionSpec), ...operandSpecs(command)].join(' \\\n    ');
  if (command.commands.length === 0) return `${functionName(command)}() {\n  _arguments ${specs}\n}\n`;
  const list = command.commands.map(child =>
    quoted(`${child.name.replaceAll(':', '\\:')}:${child.description}`),
  );
  return `${functionName(command)}() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C ${specs}
  case $state in
    command)
      local -a commands=(
        ${list.join('\n        ')}
      )
      _describe command commands
      ;;
    rest)
      case $line[1] in
${command.commands.map(child => `        ${child.name}) ${functionName(child)} ;;`).join('\n')}
      esac
      ;;
  esac
}
`;
}

function optionSpec({ names, description, value, valueName, repeatable }: OptionModel): string {
  const text = `[${description.replaceAll(/[[\]\\]/g, '\\$&')}]`;
  const behind = value === undefined ? '' : `:${escaped(valueName)}:${action(value)}`;
  // Each of its spellings excludes the others, unless it may be repeated.
  const before = repeatable ? '*' : names.length > 1 ? `(${names.join(' ')})` : '';
  return names.map(name => quoted(`${before}${name}${equals(name, value)}${text}${behind}`)).join(' ');
}

/** \`--name=value\` and \`-nvalue\` are values too. */
function equals(name: string, value: Values | undefined): string {
  if (value === undefined) return '';
  return name.startsWith('--') ? '=' : '+';
}

function operandSpecs(command: CommandModel): string[] {
  if (command.commands.length > 0) return ["'1: :->command'", "'*:: :->rest'"];
  return command.arguments.map(({ name, values, variadic }, i) =>
    quoted(`${variadic ? '*' : i + 1}:${escaped(name)}:${action(values)}`),
  );
}

function action(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `(${values.words.join(' ')})`;
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    default:
      return ' ';
  }
}

/** A colon ends a part of a specification. */
function escaped(text: string): string {
  return text.replaceAll(/[:\\]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

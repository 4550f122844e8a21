import { type CommandModel, flatten, type OptionModel, type Values } from './model.ts';

/** A script for fish 3: one function finds the command, every rule asks it. */
export function fishScript(program: CommandModel): string {
  const commands = flatten(program);
  const at = `__${program.name}_at`;
  return `# fish completion of ${program.name}, written by \`${program.name} completion fish\`
function ${at} --description 'Whether the words before the cursor have come to this command'
    set -l path ${program.name}
    set -l value 0
    for word in (commandline -opc)[2..-1]
        if test $value = 1
            set value 0
            continue
        end
        switch "$path $word"
${walk(commands)}
        end
    end
    test "$path" = "$argv[1]"
end

complete -c ${program.name} -e
complete -c ${program.name} -f
${commands.flatMap(command => rules(command)).join('\n')}
`;

  function rules(command: CommandModel): string[] {
    const start = `complete -c ${program.name} -n ${quoted(`${at} ${quoted(command.path)}`)}`;
    return [
      ...command.commands.map(child => `${start} -a ${child.name} -d ${quoted(child.description)}`),
      ...command.arguments.flatMap(({ values }) => {
        const words = operand(values);
        return words === '' ? [] : [`${start} ${words}`];
      }),
      ...command.options.map(option => `${start} ${optionWords(option)}`),
    ];
  }
}

function walk(commands: readonly CommandModel[]): string {
  const children = commands.flatMap(({ commands: below }) =>
    below.map(
      child => `            case ${quoted(child.path)}\n                set path ${quoted(child.path)}`,
    ),
  );
  const valued = commands.flatMap(command =>
    command.options
      .filter(option => option.value !== undefined)
      .flatMap(option => option.names.map(name => quoted(`${command.path} ${name}`))),
  );
  const values =
    valued.length === 0 ? [] : [`            case ${valued.join(' ')}\n                set value 1`];
  return [...children, ...values].join('\n');
}

function optionWords({ names, description, value }: OptionModel): string {
  const spelt = names.map(name => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...spelt, ...(value === undefined ? [] : [optionValue(value)]), `-d ${quoted(description)}`].join(
    ' ',
  );
}

function optionValue(value: Values): string {
  switch (value.kind) {
    case 'choices':
      return `-x -a ${quoted(value.words.join(' '))}`;
    case 'file':
      return '-r -F';
    case 'directory':
      return "-x -a '(__fish_complete_directories)'";
    default:
      return '-x';
  }
}

function operand(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `-a ${quoted(values.words.join(' '))}`;
    case 'file':
      return '-F';
    case 'directory':
      return "-a '(__fish_complete_directories)'";
    default:
      return '';
  }
}

/** In single quotes fish reads `\\\\` and `\\'` as escapes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}

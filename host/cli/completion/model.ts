import type { Argument, Command, Option } from 'commander';

/** What may stand in a place: `none` when only its user knows. */
export type Values =
  | { readonly kind: 'choices'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'directory' | 'none' };

export interface OptionModel {
  /** `-c` and `--config`, as far as there are. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch, and where the value may be left out. */
  readonly value: Values | undefined;
  /** The value's name, `file` in `--config <file>`. */
  readonly valueName: string;
  readonly repeatable: boolean;
}

export interface ArgumentModel {
  readonly name: string;
  readonly values: Values;
  readonly variadic: boolean;
}

/** A command as completion sees it. */
export interface CommandModel {
  readonly name: string;
  /** With its parents, from the program on: `postern secret guest`. */
  readonly path: string;
  readonly description: string;
  readonly options: readonly OptionModel[];
  readonly arguments: readonly ArgumentModel[];
  readonly commands: readonly CommandModel[];
}

/** Reads the program itself, so that completion knows what the help shows and nothing else. */
export function modelOf(command: Command, parents = ''): CommandModel {
  const help = command.createHelp();
  const path = `${parents}${parents === '' ? '' : ' '}${command.name()}`;
  const children = help.visibleCommands(command);
  const names = children.map(child => child.name());
  return {
    name: command.name(),
    path,
    description: command.description(),
    options: help.visibleOptions(command).map(optionOf),
    arguments: command.registeredArguments.map(argumentOf),
    commands: children.map(child => {
      const model = modelOf(child, path);
      return child.name() === 'help' ? { ...model, arguments: [helpTopic(names)], commands: [] } : model;
    }),
  };
}

/** Every command, parents before their children. */
export function flatten(model: CommandModel): CommandModel[] {
  return [model, ...model.commands.flatMap(flatten)];
}

function helpTopic(names: readonly string[]): ArgumentModel {
  const words = names.filter(name => name !== 'help');
  return { name: 'command', values: { kind: 'choices', words }, variadic: false };
}

function optionOf(option: Option): OptionModel {
  const { short, long, description } = option;
  const valueName = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? '';
  return {
    names: [short, long].filter(name => name !== undefined && name !== null),
    description,
    value: option.required ? valuesOf(option.argChoices, valueName) : undefined,
    valueName,
    repeatable: option.variadic || Array.isArray(option.defaultValue),
  };
}

function argumentOf(argument: Argument): ArgumentModel {
  const name = argument.name();
  return { name, values: valuesOf(argument.argChoices, name), variadic: argument.variadic };
}

/** Choices where there are, else by the name that the help shows. */
function valuesOf(choices: readonly string[] | undefined, name: string): Values {
  if (choices !== undefined) return { kind: 'choices', words: choices };
  if (/^(file|path)\b/.test(name)) return { kind: 'file' };
  return { kind: /^dir(ectory)?\b/.test(name) ? 'directory' : 'none' };
}

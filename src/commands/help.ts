/** `caboose help [COMMAND]`, and the texts of --help. */
import { suggestion } from '../config/nearest.ts';
import {
  commonOptions,
  exitCodes,
  usageError,
  type Command,
  type CommandArguments,
  type CommandContext,
  type CommandOption,
} from './command.ts';
import { registry, type RegisteredCommand } from './registry.ts';

export const command: Command = {
  name: 'help',
  usage: 'caboose help [COMMAND]',
  help: 'Prints the list of commands, or the help of one.',
  options: {},
  async run(context: CommandContext, args: CommandArguments) {
    const [name] = args.positionals;
    const text = name === undefined ? overview(context.version) : commandHelp(await loadCommand(name));
    await context.stdout.write(text);
    return exitCodes.ok;
  },
};

/** Throws USAGE, with the nearest name, when there is no such command. */
export async function loadCommand(name: string): Promise<Command> {
  const found = registry.find((entry) => entry.name === name);
  if (!found) {
    const near = suggestion(
      name,
      registry.map((entry) => entry.name),
    );
    throw usageError(`there is no command "${name}"`, near ?? '`caboose help` lists the commands');
  }
  return (await found.load()).command;
}

export function overview(version: string): string {
  const width = Math.max(...registry.map((entry) => entry.name.length));
  const line = ({ name, summary }: RegisteredCommand) => `  ${name.padEnd(width)}  ${summary}`;
  return `caboose ${version}: ships every byte a training run writes, exactly once, and makes it searchable

Usage: caboose COMMAND [options] [arguments]

Commands:
${registry.map(line).join('\n')}

Options of every command:
${optionList(commonOptions)}

Exit codes: 0 ok, 1 found something, 2 usage or config, 3 runtime.
\`caboose COMMAND --help\` says more. Start with: caboose up DIR
`;
}

export function commandHelp({ usage, help, options }: Command): string {
  const own = Object.keys(options).length > 0 ? `\nOptions:\n${optionList(options)}\n` : '';
  return `Usage: ${usage}\n\n${help.trim()}\n${own}\nOptions of every command:\n${optionList(commonOptions)}\n`;
}

function optionList(options: Readonly<Record<string, CommandOption>>): string {
  const rows = Object.entries(options).map(([name, option]) => {
    const short = option.short === undefined ? '    ' : `-${option.short}, `;
    return [
      `  ${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
      option.help,
    ] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`).join('\n');
}

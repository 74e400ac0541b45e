import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commonOptions } from '../../src/commands/command.ts';
import { registry } from '../../src/commands/registry.ts';

const documentation = readFileSync('docs/CLI.md', 'utf8');

/** The part of docs/CLI.md on one command. */
function sectionOf(name: string): string {
  return documentation.split(/^## /m).find((section) => section.startsWith(`caboose ${name}\n`)) ?? '';
}

describe.each(registry)('$name', ({ name, load }) => {
  // Commands are built by several hands at once; one that is not there yet cannot be run either.
  it.runIf(existsSync(`src/commands/${name}.ts`))(
    'is what it is called, and docs/CLI.md names all its options',
    async () => {
      const { command } = await load();
      expect(command.name).toBe(name);
      expect(command.usage).toMatch(new RegExp(`^caboose ${name}\\b`));
      expect(command.help.length).toBeGreaterThan(20);
      const section = sectionOf(name);
      expect(section, 'docs/CLI.md has no section').not.toBe('');
      for (const option of Object.keys(command.options)) {
        expect(commonOptions, 'an option of every command').not.toHaveProperty(option);
        expect(section).toContain(`--${option}`);
      }
    },
  );
});

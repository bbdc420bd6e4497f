// The flags of `conit serve`, made from the table of settings: each row with a flag, in its group.

import { type Command, Option as Flag } from 'commander';
import type { Flags } from '../config/load.ts';
import { defaultOf, rowsOf } from '../config/describe.ts';
import { flagOf, variableOf } from '../config/option.ts';
import { TABLE } from '../config/table.ts';

export function addSettingFlags(command: Command): void {
  for (const [name, option] of rowsOf(TABLE)) {
    const flag = flagOf(name, option);
    if (flag === undefined) continue;
    const without = option.fallback === undefined ? 'without' : 'default';
    const about = `${option.meaning} (${variableOf(name)}; ${without}: ${defaultOf(option)})`;
    const added = new Flag(`--${flag} <${option.kind.placeholder}>`, plain(about));
    command.addOption(added.helpGroup(`${option.group}:`));
  }
}

/** The values from the command line, by the name of the setting. */
export function settingFlags(options: { readonly [name: string]: unknown }): Flags {
  const given = rowsOf(TABLE).flatMap(([name, option]) => {
    const flag = flagOf(name, option);
    const value = flag === undefined ? undefined : options[camelCase(flag)];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(given);
}

function plain(text: string): string {
  return text.replaceAll('`', '');
}

/** The name of a flag's option in commander. */
function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

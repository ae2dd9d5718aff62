import type { Command } from './command.ts';
import { fail } from './words.ts';
export const bench: Command = { usage: 'bench step', summary: 'x', help: '', run: () => fail({ where: 'bench', rule: 'soon' }) };

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recipeGaps, type RecipeRun } from '../src/bench/index.ts';
import { FUSION_RULES as ENGINE_RULES } from '../src/engine/index.ts';
import { FUSION_RULE_NAMES, FUSION_RULES, PRESETS, specReference, tensorReference } from '../src/spec/index.ts';

/** What the README takes from tables of the code, by the name in its markers. */
const GENERATED: Readonly<Record<string, string>> = {
  spec: specReference(),
  tensors: tensorReference(),
  fusion: FUSION_RULES.map(([name, does]) => `- \`${name}\`: ${does}`).join('\n'),
  gaps: gapTable(),
  presets: PRESETS.map(({ title, blurb }) => `- **${title}** ${blurb}`).join('\n'),
};

/** What `bench recipes` kept, as a table. */
function gapTable(): string {
  const { runs } = JSON.parse(readFileSync('src/bench/results/recipes.json', 'utf8')) as { runs: RecipeRun[] };
  const percent = (share: number): string => `${share < 0 ? '' : '+'}${(100 * share).toFixed(2)} %`;
  const rows = recipeGaps(runs).map(({ recipe, validation, gap }) => {
    const isBase = recipe === 'f32' || gap === null;
    const cells = isBase ? ['', ''] : [percent(gap.relative), `${percent(gap.lo)} to ${percent(gap.hi)}`];
    return `| \`${recipe}\` | ${validation?.toFixed(4) ?? ''} | ${cells.join(' | ')} |`;
  });
  return ['| recipe | validation, nats per byte | gap to f32 | 95 % interval |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function renewed(readme: string): string {
  return Object.entries(GENERATED).reduce(
    (text, [name, body]) =>
      text.replace(
        new RegExp(`(<!-- ${name}: generated -->\n)[^]*?(<!-- /${name} -->)`),
        (_, open: string, close: string) => `${open}\n${body.trim()}\n\n${close}`,
      ),
    readme,
  );
}

describe('the README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('has every generated part as the code has it (npm run readme renews them)', () => {
    for (const name of Object.keys(GENERATED)) expect(readme).toContain(`<!-- ${name}: generated -->`);
    if (process.env['RENEW_README'] === '1') writeFileSync('README.md', renewed(readme));
    else expect(renewed(readme)).toBe(readme);
  });

  it('names every room of src and every demo', () => {
    for (const room of readdirSync('src')) expect(readme).toMatch(new RegExp(`^${room} `, 'm'));
    for (const demo of readdirSync('demos').filter((file) => file.endsWith('.html'))) expect(readme).toContain(`demos/${demo}`);
  });

  it('shows pictures that are there', () => {
    const pictures = [...readme.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map((match) => match[1] ?? '');
    expect(pictures.length).toBeGreaterThan(0);
    for (const picture of pictures) expect(existsSync(picture), picture).toBe(true);
  });

  it('names the fusion rules that the engine has', () => {
    expect(FUSION_RULE_NAMES).toEqual(ENGINE_RULES.map(({ name }) => name));
  });
});

import { unreachable } from '../base/errors.ts';
import { withDefaults } from './defaults.ts';
import type { Field } from './field.ts';
import { FUSION_RULES } from './fusion-rules.ts';
import { CAST_FORMATS } from './cast-text.ts';
import { ROLES } from '../numerics/site.ts';
import { RECIPES } from './recipes.ts';
import { FIELD_GROUPS, fieldAt } from './schema.ts';
import type { Init } from './shapes.ts';
import { parameterShapes } from './shapes.ts';
import { numeral } from './words.ts';

/** Every field of a spec as Markdown: a table for each group, in the order of a form. For the README, between its markers. */
export function specReference(): string {
  const groups = FIELD_GROUPS.map(({ label, paths }) => {
    const rows = paths.map((path) => {
      const field = fieldAt(path);
      return row([code(path), defaultCell(field), valuesCell(field), `${field.help}${field.laneable ? ' *Lane.*' : ''}`]);
    });
    return [`#### ${label}`, '', row(['Field', 'Default', 'Values', 'Meaning']), row(['---', '---', '---', '---']), ...rows].join(
      '\n',
    );
  });
  const rules = FUSION_RULES.map(([name, does]) => `- ${code(name)}: ${does}`);
  const recipes = Object.entries(RECIPES).map(([name, { help }]) => `- ${code(name)}: ${help}`);
  return [
    'A spec is a JSON object. Every field may be left out; a field that is not listed here is an error. `version`, if given, is 1.',
    'Fields marked *Lane* may differ between runs that train together in one program.',
    '',
    groups.join('\n\n'),
    '',
    'Recipes of `precision`:',
    '',
    ...recipes,
    '',
    'An entry of `precision.overrides` casts what it selects, and a later entry wins over earlier ones. A selector is a role, a layer, or',
    `\`layer:role\`. Roles are ${ROLES.map(code).join(', ')};`,
    'their first words (`fprop`, `attention`, `optimizer`, ...) and `activation`, `weight`, `gradient` and `output` (that tensor of every matmul of a',
    'linear layer) stand for several. Layers are `head`, `blocks.0`, `blocks.0.attn`, `blocks.0.attn.qkv`, ..., each with all that is in it;',
    'embedding, weights and optimizer states are of no layer. The head follows the blocks in `bf16` and `bf16-pure`, elsewhere only a selector that',
    'says `head`; logits are cast by `head:fprop.output` alone. A cast is `format[/scaling][/rounding]`: a format of',
    CAST_FORMATS.map(code).join(', '),
    'or `e<X>m<Y>`, where `f32` is no cast; scaling `none`, `current` or `delayed` (operands only), and `block` for block formats; rounding',
    '`nearest`, `stochastic` or `zero`.',
    '',
    'Rules of `fusion`:',
    '',
    ...rules,
  ].join('\n');
}

/** Every tensor that a model can have, as Markdown: name, layout, init and which specs have it. `i` counts blocks from 0. */
export function tensorReference(): string {
  const learned = { position: 'learned', qkNorm: true, bias: true, norm: 'layernorm', layers: 1 } as const;
  const rows = parameterShapes(withDefaults({ model: learned })).map(({ name, layout, init, decay }) => {
    const generic = name.replace('blocks.0', 'blocks.i');
    return row([
      code(generic),
      code(generic.includes('mlp.fc') ? layout.replace('F', 'F*') : layout),
      initWords(init, generic),
      decay ? 'yes' : 'no',
      presence(generic),
    ]);
  });
  return [
    'Linear weights are stored `[in, out]`: y = x W + b. C is the width, V the vocabulary, T the context, H and Hkv the heads of queries and',
    'of keys and values, D = C / H, F the MLP width (mlpRatio x C to the nearest multiple of 4), F* is F, or 2F with SwiGLU (the gate, then',
    'the up projection). Columns of `attn.qkv` are the query heads, the key heads, the value heads.',
    '',
    row(['Tensor', 'Layout', 'Init', 'Weight decay', 'Where']),
    row(['---', '---', '---', '---', '---']),
    ...rows,
  ].join('\n');
}

const code = (text: string): string => `\`${text}\``;
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

function defaultCell(field: Field): string {
  if (field.kind === 'int' || field.kind === 'float')
    return field.oneOf !== undefined && field.default === null
      ? ''
      : code(field.default === null ? 'null' : numeral(field.default));
  return code(JSON.stringify(field.default));
}

function valuesCell(field: Field): string {
  switch (field.kind) {
    case 'int':
    case 'float': {
      const nothing = field.nullable ? `, or \`null\`: ${field.nullMeans ?? 'off'}` : '';
      const alone = field.oneOf === undefined ? '' : `, alone in \`${field.oneOf}\``;
      return `${field.kind === 'int' ? 'whole, ' : ''}${numeral(field.min)} to ${numeral(field.max)}${nothing}${alone}`;
    }
    case 'choice':
      return Object.keys(field.choices)
        .map((value) => code(JSON.stringify(value)))
        .join(', ');
    case 'toggle':
      return '`true`, `false`';
    case 'text':
      return `text of at most ${field.maxLength} characters`;
    case 'rules':
      return '`"all"`, `"none"`, `{"rule": true or false}`';
    case 'casts':
      return '`{"selector": "cast"}`';
    default:
      return unreachable(field);
  }
}

function initWords(init: Init, name: string): string {
  if (init.kind === 'ones') return '1';
  if (init.kind === 'zeros') return '0';
  return name.startsWith('blocks') && name.endsWith('proj.weight') ? 'N(0, 0.02 / sqrt(2 layers))' : 'N(0, 0.02)';
}

function presence(name: string): string {
  if (name === 'position.weight') return '`position: "learned"`';
  if (name === 'head.weight') return '`tied: false`';
  if (name.endsWith('qnorm.gain') || name.endsWith('knorm.gain')) return '`qkNorm: true`';
  if (!name.endsWith('.bias')) return 'always';
  return name.includes('norm') ? '`bias: true`, `norm: "layernorm"`' : '`bias: true`';
}

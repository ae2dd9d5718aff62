import { sameShape } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { u32 } from '../graph/types.ts';
import type { Type, Value } from '../graph/types.ts';
import { FLAT_WORKGROUP } from './launch.ts';
import { addOp, inputAt, numberAttr, outputAt, plainVariant, requireShape } from './op.ts';
import type { Op, Unshaped } from './op.ts';

/**
 * The last `context` tokens of text u32[S] before the cursor, or the first ones while there are fewer: u32[1,T].
 * `cursor` is u32[4]: cursor, two words of seed, number of the draw.
 */
export function textWindow(g: Graph, text: Value, cursor: Value, attrs: { context: number }, name?: string): Value {
  return first(addOp(g, 'text_window', samplingOps.text_window, [text, cursor], { ...attrs }, name));
}

/**
 * Writes at the cursor of the state text u32[S] a token drawn from the softmax of the last row of logits f32[1,T,V] before it, over
 * temperature f32[1]; at temperature 0 the most likely one. The same seed, draw and cursor give the same token.
 */
export function sampleToken(g: Graph, logits: Value, text: Value, cursor: Value, temperature: Value, name?: string): void {
  addOp(g, 'sample_token', samplingOps.sample_token, [logits, text, cursor, temperature], {}, name);
}

export const samplingOps: Record<'text_window' | 'sample_token', Op> = {
  text_window: {
    shape(node) {
      const context = numberAttr(node, 'context');
      const length = checkText(node, inputAt(node, 0).type, inputAt(node, 1).type);
      requireShape(node, Number.isInteger(context) && context > 0, `context ${context} is not a count`);
      requireShape(node, context <= length, `a text of ${length} tokens is shorter than the context of ${context}`);
      return [u32(1, context)];
    },
    vjp: 'none',
    variants: plainVariant((node) => {
      const [text, cursor, tokens] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
      const T = numberAttr(node, 'context');
      return [
        {
          kernel: 'sampling/text-window-forward',
          bind: { text, cursor, tokens },
          sizes: { S: text.type.shape[0] ?? 0, T },
          overrides: { WORKGROUP: FLAT_WORKGROUP },
          grid: [Math.ceil(T / FLAT_WORKGROUP), 1, 1],
        },
      ];
    }),
  },

  sample_token: {
    shape(node) {
      const [logits, temperature] = [inputAt(node, 0).type, inputAt(node, 3).type];
      checkText(node, inputAt(node, 1).type, inputAt(node, 2).type);
      requireShape(
        node,
        logits.dtype === 'f32' && logits.shape.length === 3 && logits.shape[0] === 1,
        'logits are not f32[1,T,V]',
      );
      requireShape(node, temperature.dtype === 'f32' && sameShape(temperature.shape, [1]), 'the temperature is not f32[1]');
      return [];
    },
    vjp: 'none',
    updates: [1],
    variants: plainVariant((node) => {
      const [logits, text, cursor, temperature] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
      const [, T = 0, V = 0] = logits.type.shape;
      return [
        {
          kernel: 'sampling/sample-token-update',
          bind: { logits, text, cursor, temperature },
          sizes: { S: text.type.shape[0] ?? 0, T, V },
          overrides: { WORKGROUP: 64 },
          grid: [1, 1, 1],
        },
      ];
    }),
  },
};

/** The length of the text. @throws ShapeError when text or cursor have another type. */
function checkText(node: Unshaped, text: Type, cursor: Type): number {
  const [length = 0] = text.shape;
  requireShape(node, text.dtype === 'u32' && text.shape.length === 1, 'the text is not u32[S]');
  requireShape(node, cursor.dtype === 'u32' && sameShape(cursor.shape, [4]), 'the cursor is not u32[4]');
  return length;
}

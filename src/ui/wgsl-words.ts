/** A stretch of WGSL, and how it is shown. */
export interface WgslPart {
  readonly text: string;
  readonly kind: 'comment' | 'keyword' | 'type' | 'number' | 'attribute' | 'plain';
}

const KEYWORDS = new Set(
  'alias break case const const_assert continue continuing default diagnostic discard else enable fn for if let loop override requires return struct switch true false var while'.split(
    ' ',
  ),
);
const TYPES =
  /^(?:bool|[iuf](?:32|16)|vec[234][iufh]?|mat[234]x[234][fh]?|array|atomic|ptr|storage|uniform|workgroup|private|function|read|write|read_write)$/;

const PARTS = /(\/\/.*)|(@\w+)|(\b(?:0x[\da-fA-F]+|\d[\d.]*(?:e[+-]?\d+)?)[iufh]?\b)|([A-Za-z_]\w*)/g;

/** A line of WGSL in parts; together they are the line. */
export function wgslParts(line: string): WgslPart[] {
  const parts: WgslPart[] = [];
  let at = 0;
  const add = (text: string, kind: WgslPart['kind']): void => {
    const last = parts.at(-1);
    if (text === '') return;
    if (last?.kind === kind) parts[parts.length - 1] = { text: last.text + text, kind };
    else parts.push({ text, kind });
  };
  for (const match of line.matchAll(PARTS)) {
    const [text, comment, attribute, number] = match;
    add(line.slice(at, match.index), 'plain');
    if (comment !== undefined) add(text, 'comment');
    else if (attribute !== undefined) add(text, 'attribute');
    else if (number !== undefined) add(text, 'number');
    else add(text, KEYWORDS.has(text) ? 'keyword' : TYPES.test(text) ? 'type' : 'plain');
    at = match.index + text.length;
  }
  add(line.slice(at), 'plain');
  return parts;
}

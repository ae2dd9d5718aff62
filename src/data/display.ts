const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** U+0080..U+009F, and the marks that would reorder the text around them. */
const UNSHOWABLE = /[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/**
 * Bytes as text to look at: UTF-8, with U+FFFD for what is not valid, and control characters (all but tab and line end) as their
 * Unicode pictures, so that no byte vanishes or acts.
 */
export function decodeText(bytes: Uint8Array): string {
  return decoder
    .decode(bytes)
    .replace(CONTROL, (character) => String.fromCharCode(character === '\u007f' ? 0x2421 : 0x2400 + character.charCodeAt(0)))
    .replace(UNSHOWABLE, '\ufffd');
}

/** Hands the user a file; nothing leaves the machine. */
export function saveFile(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export type PictureKind = 'svg' | 'png';

/** Saves the text of an SVG file, or the picture of it with `density` pixels for each of its units. */
export async function savePicture(
  kind: PictureKind,
  name: string,
  svg: string,
  { width, height }: { readonly width: number; readonly height: number },
  density = 2,
): Promise<void> {
  if (kind === 'svg') return saveFile(`${name}.svg`, new Blob([svg], { type: 'image/svg+xml' }));
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await picture.decode();
  const canvas = new OffscreenCanvas(Math.round(width * density), Math.round(height * density));
  canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  saveFile(`${name}.png`, await canvas.convertToBlob({ type: 'image/png' }));
}

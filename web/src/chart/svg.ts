import { type Drawing, FONT } from './drawing';

/** A drawing as an SVG file. */
export function toSvg({ width, height, strokes }: Drawing): string {
  const body = strokes.map(stroke => {
    if (stroke.kind === 'area') {
      const { x, y, width, height, colour } = stroke;
      return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${colour}"/>`;
    }
    const { x, y, size, bold, middle, colour, text } = stroke;
    const anchor = middle ? ' text-anchor="middle"' : '';
    const weight = bold ? ' font-weight="600"' : '';
    return `<text x="${x}" y="${y.toFixed(1)}" font-size="${size}" fill="${colour}"${weight}${anchor}>${escape(text)}</text>`;
  });
  const root = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `${root} font-family="${escape(FONT)}">\n${body.join('\n')}\n</svg>\n`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** Characters that XML does not have. */
const NONE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const escape = (text: string) => text.replace(NONE, ' ').replace(/[&<>"]/g, character => ENTITIES[character] ?? '');

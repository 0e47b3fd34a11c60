import { type Drawing, FONT } from './drawing';

const SCALE = 2;

/** A drawing as a PNG file. Drawn directly, because a strict policy does not let an SVG be loaded as a picture. */
export async function toPng({ width, height, strokes }: Drawing): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('the browser draws no pictures');
  context.scale(SCALE, SCALE);
  for (const stroke of strokes) {
    context.fillStyle = stroke.colour;
    if (stroke.kind === 'area') {
      context.fillRect(stroke.x, stroke.y, stroke.width, stroke.height);
    } else {
      context.font = `${stroke.bold ? 600 : 400} ${stroke.size}px ${FONT}`;
      context.textAlign = stroke.middle ? 'center' : 'left';
      context.fillText(stroke.text, stroke.x, stroke.y);
    }
  }
  const blob = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('the browser made no picture');
  return blob;
}

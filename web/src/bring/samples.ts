import en from '../../../local/goals/sample.en.json?url';
import ja from '../../../local/goals/sample.ja.json?url';
import type { Language } from '../text/TextContext';

const FILES: Record<Language, string> = { en, ja };

/** The sample chart of the demo, in that language. */
export async function readSample(language: Language): Promise<string> {
  const response = await fetch(FILES[language]);
  if (!response.ok) throw new Error(`sample: ${response.status}`);
  return response.text();
}

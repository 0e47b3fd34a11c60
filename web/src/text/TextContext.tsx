import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';

import { en, type Text } from './en';
import { ja } from './ja';

export type Language = 'en' | 'ja';

const TEXTS: Record<Language, Text> = { en, ja };
const CHOSEN = 'language';

interface Texts {
  text: Text;
  language: Language;
  choose: (language: Language) => void;
}

const TextContext = createContext<Texts>({ text: en, language: 'en', choose: () => undefined });

/** Nothing where the browser forbids to store, which it does by an error. */
function stored(language?: Language): string | null {
  try {
    if (language) localStorage.setItem(CHOSEN, language);
    return localStorage.getItem(CHOSEN);
  } catch {
    return null;
  }
}

/** The language that was chosen here before, or else the browser's. */
function firstLanguage(): Language {
  const chosen = stored();
  if (chosen === 'en' || chosen === 'ja') return chosen;
  return navigator.languages.find(language => /^(ja|en)\b/.test(language))?.startsWith('ja') ? 'ja' : 'en';
}

export function TextProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const texts = useMemo<Texts>(() => {
    const choose = (language: Language) => {
      stored(language);
      setLanguage(language);
    };
    return { text: TEXTS[language], language, choose };
  }, [language]);
  return <TextContext value={texts}>{children}</TextContext>;
}

export const useTexts = (): Texts => useContext(TextContext);
export const useText = (): Text => useTexts().text;

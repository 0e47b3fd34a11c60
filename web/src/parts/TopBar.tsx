import { GOALS } from '../route/route';
import { useServices } from '../Services';
import { type Language, useTexts } from '../text/TextContext';

const OTHER: Record<Language, { language: Language; name: string }> = {
  en: { language: 'ja', name: '日本語' },
  ja: { language: 'en', name: 'English' },
};

/** The way back to the goals, the language, the sign-out. */
export function TopBar({ atGoals }: { atGoals: boolean }) {
  const { text, language, choose } = useTexts();
  const { signOut } = useServices();
  const other = OTHER[language];
  return (
    <header className="top-bar">
      <nav>
        <a href={GOALS} aria-current={atGoals ? 'page' : undefined}>
          {atGoals ? text.page : `← ${text.goals}`}
        </a>
      </nav>
      <div className="top-bar-end">
        <button className="quiet" lang={other.language} onClick={() => choose(other.language)}>
          {other.name}
        </button>
        {signOut && (
          <button className="quiet" onClick={signOut}>
            {text.signOut}
          </button>
        )}
      </div>
    </header>
  );
}

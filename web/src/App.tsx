import { useEffect, useMemo, useRef, useState } from 'react';

import type { GoalApi } from './api/GoalApi';
import { Problem } from './api/Problem';
import { BringPage } from './bring/BringPage';
import { GoalPage } from './goal/GoalPage';
import { GoalsPage } from './goals/GoalsPage';
import { Guard } from './parts/Guard';
import { ProblemView } from './parts/ProblemView';
import { TopBar } from './parts/TopBar';
import type { Route } from './route/route';
import { useRoute } from './route/useRoute';
import { ServicesContext } from './Services';
import type { Session } from './session/Session';

interface Props {
  api: GoalApi;
  session: Session;
}

/** The page: a bar, and what its address names. */
export function App({ api, session }: Props) {
  const route = useRoute();
  // Raised by a sign-in: everything is loaded anew.
  const [round, setRound] = useState(0);
  const services = useMemo(() => {
    const again = () => setRound(round => round + 1);
    const { signOut } = session;
    return {
      api,
      signIn: () => void session.signIn().then(again, again),
      signOut: signOut && (() => void signOut().then(again, again)),
    };
  }, [api, session]);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(route);
  useEffect(() => {
    if (shown.current === route) return;
    shown.current = route;
    // As after a load: at the top, and screen readers begin with the content.
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [route]);
  return (
    <ServicesContext value={services}>
      <TopBar atGoals={route.page === 'goals'} />
      <main ref={main} tabIndex={-1} key={`${round} ${JSON.stringify(route)}`}>
        <Guard>
          <CurrentPage route={route} />
        </Guard>
      </main>
    </ServicesContext>
  );
}

function CurrentPage({ route }: { route: Route }) {
  switch (route.page) {
    case 'goals':
      return <GoalsPage />;
    case 'goal':
      return <GoalPage goalId={route.goalId} />;
    case 'bring':
      return <BringPage goalId={route.goalId} />;
    case 'unknown':
      return <ProblemView problem={new Problem('NOT_FOUND')} />;
  }
}

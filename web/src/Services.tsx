import { createContext, useContext } from 'react';

import type { GoalApi } from './api/GoalApi';

export interface Services {
  api: GoalApi;
  /** Asks the user to sign in, and shows the page anew. */
  signIn: () => void;
  /** Missing where there is nothing to end. */
  signOut: (() => void) | undefined;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (!services) throw new Error('outside of the page');
  return services;
}

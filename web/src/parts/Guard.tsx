import { Component, type ReactNode } from 'react';

import { Problem } from '../api/Problem';
import { ProblemView } from './ProblemView';

interface Props {
  children: ReactNode;
}

/** Stands where a part of the page cannot be shown, such as for an answer that is none of the API's: without it nothing would be left. */
export class Guard extends Component<Props, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return <ProblemView problem={new Problem('INTERNAL')} onRetry={() => this.setState({ broken: false })} />;
  }
}

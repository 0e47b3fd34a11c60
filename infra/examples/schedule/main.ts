#!/usr/bin/env node
import { App } from 'aws-cdk-lib';
import { variant } from '../../lib/variant';
import { ScheduleStack } from './schedule-stack';

const app = new App();
const given = (name: string): string | undefined => app.node.tryGetContext(name);
const required = (name: string, example: string): string => {
  const value = given(name);
  if (!value) throw new Error(`say ${name}: -c ${name}='${example}'`);
  return value;
};
const local = String(given('local') ?? false) === 'true';
new ScheduleStack(app, 'GoalActivitySchedule', {
  synthesizer: variant({ local }).synthesizer,
  busName: given('busName'),
  source: given('source'),
  requests: [{
    name: given('name') ?? 'weekly',
    expression: given('schedule') ?? 'cron(0 9 ? * MON *)',
    timezone: given('timezone'),
    goalId: required('goalId', 'learn-piano'),
    userId: required('userId', '8c1f7f0a-user'),
    regenerate: String(given('regenerate') ?? false) === 'true',
  }],
});
app.synth();

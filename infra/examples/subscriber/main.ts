#!/usr/bin/env node
import { App } from 'aws-cdk-lib';
import { variant } from '../../lib/variant';
import { SubscriberStack } from './subscriber-stack';

const app = new App();
const local = String(app.node.tryGetContext('local') ?? false) === 'true';
new SubscriberStack(app, 'GoalActivitySubscriber', { synthesizer: variant({ local }).synthesizer });
app.synth();

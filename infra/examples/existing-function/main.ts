#!/usr/bin/env node
import { App } from 'aws-cdk-lib';
import { variant } from '../../lib/variant';
import { ExistingFunctionStack } from './existing-function-stack';

const app = new App();
const local = String(app.node.tryGetContext('local') ?? false) === 'true';
new ExistingFunctionStack(app, 'GoalAppTasks', { synthesizer: variant({ local }).synthesizer });
app.synth();

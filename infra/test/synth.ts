import assert from 'node:assert/strict';
import { Template } from 'aws-cdk-lib/assertions';
import { goalActivityApp } from '../lib/app';

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, any>;
  readonly DeletionPolicy?: string;
}

/** The app with this context, and placeholders for the functions and the page. */
export function synth(context: Record<string, unknown> = {}) {
  const { app, stack } = goalActivityApp({ context: { functionsDir: 'test/functions', webDir: 'test/page', ...context } });
  const template = Template.fromStack(stack);
  /** By readable name: the logical id without CDK's hash. */
  const resources = (type: string): Record<string, Resource> =>
    Object.fromEntries(Object.entries(template.findResources(type)).map(([id, found]) => [readable(id), found as Resource]));
  /** The properties of each, and its readable name. */
  const all = (type: string) =>
    Object.entries(resources(type)).map(([name, { Properties }]) => ({ name, ...Properties }) as Record<string, any>);
  const one = (type: string) => {
    const [found, ...others] = all(type);
    assert.ok(found && others.length === 0, `one ${type}`);
    return found;
  };
  return { app, stack, template, resources, all, one };
}

export const readable = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');

/** The readable name behind a Ref or GetAtt, also as part of a text; other text unchanged. */
export function target(value: any): string {
  if (typeof value === 'string') return value;
  const join = value?.['Fn::Join'];
  if (join) return join[1].map(target).join(join[0]);
  const id = value?.Ref ?? value?.['Fn::GetAtt']?.[0];
  return typeof id === 'string' ? readable(id) : JSON.stringify(value);
}

export const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

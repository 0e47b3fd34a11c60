import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalogue } from '../lib/metrics';
import { synth, target } from './synth';

/** A widget in CloudWatch's format ("Dashboard body structure and syntax"). */
interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: Record<string, any>;
}

type Series = (string | Record<string, any>)[];

const aws = synth();

/** The dashboard as sent, with a name for every resource. */
function body(from: typeof aws): { readonly widgets: Widget[] } {
  return JSON.parse(target(from.one('AWS::CloudWatch::Dashboard').DashboardBody));
}

const { widgets } = body(aws);
const graphs = widgets.filter(({ type }) => type === 'metric');
const series = ({ properties }: Widget): Series[] => properties.metrics ?? [];
/** Namespace, name and dimensions, without computed metrics. */
const metrics = (widget: Widget): string[][] => series(widget)
  .map((each) => each.filter((part): part is string => typeof part === 'string')).filter(({ length }) => length > 0);
const options = (each: Series): Record<string, any> => {
  const last = each.at(-1);
  return typeof last === 'object' ? last : {};
};
const graph = (title: string): Widget => {
  const [found, ...others] = graphs.filter(({ properties }) => properties.title === title);
  assert.ok(found && others.length === 0, title);
  return found;
};

test('the widgets lie within 24 columns and none covers another', () => {
  const covered = new Map<string, string>();
  for (const { x, y, width, height, properties, type } of widgets) {
    const name = properties.title ?? type;
    assert.ok(x >= 0 && width >= 1 && x + width <= 24 && y >= 0 && height >= 1 && height <= 1000, name);
    for (let column = x; column < x + width; column++) {
      for (let row = y; row < y + height; row++) {
        const other = covered.get(`${column}/${row}`);
        assert.equal(other, undefined, `${name} covers ${other}`);
        covered.set(`${column}/${row}`, name);
      }
    }
  }
  // No row has gaps either.
  const rows = Math.max(...widgets.map(({ y, height }) => y + height));
  assert.equal(covered.size, rows * 24);
});

test('every widget is of a known kind and has what its kind needs', () => {
  for (const { type, properties } of widgets) {
    if (type === 'text') assert.ok(properties.markdown.length > 0);
    else if (type === 'alarm') assert.ok(properties.alarms.length > 0);
    else {
      assert.equal(type, 'metric');
      assert.equal(properties.view, 'timeSeries', properties.title);
      assert.ok(properties.title && properties.region && properties.metrics.length > 0, properties.title);
    }
  }
});

test('every metric of our own is one that the functions emit, with dimensions that it has', () => {
  const own = graphs.flatMap(metrics).filter(([namespace]) => namespace === 'goal-activity');
  assert.ok(own.length > 20);
  for (const [, name, ...dimensions] of own) {
    const known = catalogue.metrics.find((each) => each.name === name);
    const names = dimensions.filter((_, i) => i % 2 === 0);
    assert.ok(known?.dimensions.some((set) => set.join() === names.join()), `${name} by [${names.join()}]`);
  }
});

test('every search is for a metric and a dimension that the functions emit', () => {
  const searches = graphs.flatMap(series).map((each) => options(each).expression ?? '')
    .filter((expression: string) => expression.startsWith('SEARCH'));
  assert.ok(searches.length > 0);
  for (const search of searches) {
    const [, namespace, dimensions = '', name] =
      /^SEARCH\('\{"([\w-]+)",([\w,]+)\} MetricName="(\w+)"', '(?:Sum|Average)', 300\)$/.exec(search) ?? [];
    assert.equal(namespace, 'goal-activity', search);
    const known = catalogue.metrics.find((each) => each.name === name);
    assert.ok(known?.dimensions.some((set) => set.join() === dimensions), search);
  }
});

test('every expression names metrics of its own widget, which are computed with and not shown', () => {
  for (const widget of graphs) {
    const shown = series(widget).map(options);
    const ids = shown.map(({ id }) => id).filter(Boolean);
    assert.equal(new Set(ids).size, ids.length, widget.properties.title);
    for (const { expression } of shown.filter((each) => each.expression && !each.expression.startsWith('SEARCH'))) {
      const [used] = /[a-z]\w*/.exec(expression) ?? [];
      const source = shown.find(({ id }) => id === used);
      assert.equal(source?.visible, false, `${widget.properties.title}: ${expression}`);
    }
  }
});

test('outcome, progress, durations, AI, queues and cost drivers are all there', () => {
  const has = (title: string, ...names: string[]) => {
    const found = metrics(graph(title)).map(([, name]) => name);
    for (const name of names) assert.ok(found.includes(name), `${title} shows no ${name}`);
  };
  has('How workflows end', 'WorkflowSucceeded', 'WorkflowPartiallySucceeded', 'WorkflowFailed', 'WorkflowAborted');
  has('Failure rate', 'WorkflowFailed');
  has('How long workflows take', 'WorkflowDuration');
  has('Actions', 'ActionsProcessed', 'ActionsFailed', 'TasksGenerated');
  has('AI: time of a call', 'AiLatency');
  has('AI: error rate', 'AiCallFailed');
  has('AI: tokens and cost', 'AiInputTokens', 'AiOutputTokens', 'AiCost');
  has('Lambda: memory times time', 'Duration');
  has('Lambda: invocations', 'Invocations');
  has('Step Functions', 'ExecutionsStarted', 'ConsumedCapacity');
  has('DynamoDB', 'ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits');
  const queues = (title: string) => new Set(metrics(graph(title)).map((each) => each[3]));
  assert.deepEqual(queues('Oldest message'),
    new Set(['Launch', 'Batch', 'Projection'].map((name) => `Messaging${name}Queue`)));
  assert.deepEqual(queues('Dead letters'),
    new Set(['LaunchDlq', 'BatchDlq', 'ProjectionDlq', 'Undelivered'].map((name) => `Messaging${name}`)));
});

test('durations are drawn in minutes, with the target of 5 minutes and the alarm at 10', () => {
  const { properties } = graph('How long workflows take');
  assert.deepEqual(properties.annotations.horizontal.map(({ value }: any) => value), [5, 10]);
  assert.deepEqual(properties.metrics.map((each: Series) => options(each).expression).filter(Boolean).map((e: string) => e.split('/')[1]),
    ['60000', '60000', '60000']);
});

test('all alarms are shown', () => {
  const [{ properties } = assert.fail('no widget of alarms')] = widgets.filter(({ type }) => type === 'alarm');
  const all = [...aws.all('AWS::CloudWatch::Alarm'), ...aws.all('AWS::CloudWatch::CompositeAlarm')];
  assert.deepEqual(properties.alarms.slice().sort(), all.map(({ name }) => name).sort());
});

test('the page is within what CloudWatch takes, and the same in a local deployment', () => {
  const counts = graphs.map((each) => series(each).length);
  // "CloudWatch service quotas": 500 widgets a dashboard, 500 metrics a widget, 2,500 metrics a dashboard.
  assert.ok(widgets.length <= 500 && Math.max(...counts) <= 500);
  assert.ok(counts.reduce((all, each) => all + each) <= 2500);
  assert.deepEqual(body(synth({ local: 'true' })).widgets.map(({ properties }) => properties.title), widgets.map(({ properties }) => properties.title));
});

test('only what an alarm or a graph needs is a metric, because each is paid for', () => {
  const all = synth({ generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0', fallback: 'offline' });
  const text = [body(all), all.all('AWS::CloudWatch::Alarm')].map((part) => JSON.stringify(part)).join();
  const isNeeded = (name: string, [dimension]: string[]): boolean => dimension === undefined
    ? new RegExp(`"(MetricName":"${name}|[^"]*","${name})"`).test(text)
    : text.includes(`,${dimension}} MetricName=\\"${name}\\"`);
  const unneeded = catalogue.metrics
    .flatMap(({ name, dimensions }) => dimensions.filter((set) => !isNeeded(name, set)).map((set) => [name, ...set].join()));
  assert.deepEqual(unneeded, []);
  assert.ok(!isNeeded('RequestsRejected', []) && !isNeeded('WorkflowDuration', ['Status']), 'this test can fail');
});

import { type Broken, type Known, rules } from './validators.js';

/** The first of the broken rules in words, with the field: what is wrong and what would be right, nothing of the value. */
export function reason([first]: readonly Broken[], known: Known | undefined): string {
  if (!first) return 'unknown';
  const { instancePath, keyword, params } = first;
  const missing = keyword === 'required' ? `/${String(params['missingProperty'])}` : '';
  const field = `${instancePath}${missing}`.slice(1).replace(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.');
  return `${field ? `${field}: ` : ''}${words(first, ruleOf(instancePath, known))}`;
}

/** What the definition of the field at that place asks for, if that is a text of a certain form. */
function ruleOf(place: string, known: Known | undefined): string | undefined {
  const names = place.split('/').filter((name) => !/^\d*$/.test(name));
  const definition = names.reduce<Known | undefined>((fields, name) => (typeof fields === 'object' ? fields[name] : undefined), known);
  return typeof definition === 'string' ? rules[definition] : undefined;
}

function words({ keyword, params }: Broken, rule: string | undefined): string {
  if (rule && ['pattern', 'minLength', 'maxLength'].includes(keyword)) return `not a valid ${rule}`;
  const { limit, comparison, type, allowedValues, allowedValue } = params;
  switch (keyword) {
    case 'required': return 'is missing';
    case 'type': return `must be ${[type].flat().join(' or ')}`;
    case 'enum': return `must be ${(allowedValues as unknown[]).join(', ').replace(/, ([^,]*)$/, ' or $1')}`;
    case 'const': return `must be ${String(allowedValue)}`;
    case 'minItems': return `must have at least ${String(limit)} item${limit === 1 ? '' : 's'}`;
    case 'maxItems': return `must have at most ${String(limit)} items`;
    case 'minLength': return `must have at least ${String(limit)} characters`;
    case 'maxLength': return `must have at most ${String(limit)} characters`;
    case 'minimum': case 'maximum': return `must be ${String(comparison)} ${String(limit)}`;
    // No other pattern is outside of the definitions.
    case 'pattern': case 'propertyNames': return 'must be well-formed Unicode';
    default: return `breaks the rule ${keyword}`;
  }
}

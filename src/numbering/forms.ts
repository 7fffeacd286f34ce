import type { NumberingPlan, ServiceNumbers } from './plan.js';

/** Every written form of every service, ready to be looked up. */
export interface Forms {
  /** By digits, with a leading `+` where there is one. */
  readonly numbers: ReadonlyMap<string, ServiceNumbers>;
  /** The short codes alone: what counts when the number is meant for another country. */
  readonly short: ReadonlyMap<string, ServiceNumbers>;
  /** In lower case. */
  readonly urns: ReadonlyMap<string, ServiceNumbers>;
}

const known = new WeakMap<NumberingPlan, Forms>();

/** The forms of a plan, made once per plan. Where two services share a form, the emergency one has it. */
export function formsOf(plan: NumberingPlan): Forms {
  const forms = known.get(plan) ?? makeForms(plan);
  known.set(plan, forms);
  return forms;
}

function makeForms(plan: NumberingPlan): Forms {
  return {
    numbers: index(plan, (each) => [...shortForms(each, plan), ...nationalForms(each, plan)]),
    short: index(plan, (each) => each.short),
    urns: index(plan, (each) => each.urns.map((urn) => urn.toLowerCase())),
  };
}

function index(plan: NumberingPlan, formsOf: (service: ServiceNumbers) => readonly string[]): Forms['numbers'] {
  const entries = new Map<string, ServiceNumbers>();
  for (const service of plan.services) {
    for (const form of formsOf(service)) {
      const holder = entries.get(form);
      if (holder === undefined || (holder.class !== 'emergency' && service.class === 'emergency')) {
        entries.set(form, service);
      }
    }
  }
  return entries;
}

/** `112`, `0112`, `9112`, `+31112`, `0031112`, and with a routing prefix `0140112`, `+31140112`, `0031140112`. */
function shortForms(service: ServiceNumbers, plan: NumberingPlan): readonly string[] {
  const { nationalPrefix, outsideLinePrefixes, networkPrefixes } = plan;
  return service.short.flatMap((code) => [
    code,
    `${nationalPrefix}${code}`,
    ...outsideLinePrefixes.map((prefix) => `${prefix}${code}`),
    ...internationalForms(code, plan),
    ...networkPrefixes.flatMap((prefix) => [`${prefix}${code}`, ...internationalForms(`${prefix}${code}`, plan)]),
  ]);
}

/** `09008844`, `9008844`, `+319008844`, `00319008844`, `319008844`. */
function nationalForms(service: ServiceNumbers, plan: NumberingPlan): readonly string[] {
  return service.national.flatMap((number) => {
    const significant = withoutPrefix(number, plan.nationalPrefix);
    return [number, significant, `${plan.countryCode}${significant}`, ...internationalForms(number, plan)];
  });
}

/** Also with the national prefix left in: `+31(0)900-8844` is how people write it. */
function internationalForms(number: string, plan: NumberingPlan): readonly string[] {
  const { countryCode, internationalPrefix, nationalPrefix } = plan;
  const significant = withoutPrefix(number, nationalPrefix);
  return ['+', internationalPrefix].flatMap((start) => [
    `${start}${countryCode}${significant}`,
    `${start}${countryCode}${nationalPrefix}${significant}`,
  ]);
}

function withoutPrefix(number: string, prefix: string): string {
  return number.startsWith(prefix) ? number.slice(prefix.length) : number;
}

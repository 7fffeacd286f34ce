import { id } from '../domain/ids.js';
import type { NumberingPlan } from '../numbering/service.js';
import type { DialPlanFile } from './dial-plan-file.js';

/** How numbers are written, and which of them are services. */
export function numberingPlan({ numbering, services }: DialPlanFile): NumberingPlan {
  return {
    ...numbering,
    services: Object.entries(services).map(([key, service]) => ({ id: id(key), ...service })),
  };
}

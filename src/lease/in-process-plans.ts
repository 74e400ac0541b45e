import type { AssignmentPlan, PlanDraft, PlanStore } from '../core/assignment-plan.ts';
import type { Tenure } from '../core/lease.ts';

/** The plan of a lone process, in its memory. */
export class InProcessPlans implements PlanStore {
  #plan: AssignmentPlan | null = null;

  current(): AssignmentPlan | null {
    return this.#plan;
  }

  async known(): Promise<void> {
    return await Promise.resolve();
  }

  async write(draft: PlanDraft, tenure: Tenure): Promise<AssignmentPlan | 'stale'> {
    const { token } = tenure;
    if (!tenure.isTrusted() || token < (this.#plan?.token ?? 0)) return await Promise.resolve('stale');
    this.#plan = { ...draft, version: (this.#plan?.version ?? 0) + 1, token };
    return this.#plan;
  }
}

/** What the declaration of a controller cannot say, as CEL that the API server checks once more behind the gate. */
export interface AdmissionRules {
  /** Tells the policies of one controller apart; absent for the main one. */
  readonly suffix?: string;
  readonly resource: { readonly group: string; readonly version: string; readonly plural: string };
  readonly validations: readonly AdmissionRule[];
}

export interface AdmissionRule {
  /** At admission, a patch is an update. */
  readonly on: readonly AdmissionVerb[];
  readonly message: string;
  readonly expression: string;
}

export type AdmissionVerb = 'create' | 'update' | 'delete';

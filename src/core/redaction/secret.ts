/** What is masked, by its form. Goes to metrics and logs: what it is, never what it says. */
export const secretKinds = [
  'anthropic',
  'authorization',
  'aws',
  'databricks',
  'docker',
  'github',
  'gitlab',
  'google',
  'groq',
  'huggingface',
  'jwt',
  'key',
  'npm',
  'nvidia',
  'openai',
  'password',
  'pattern',
  'private-key',
  'secret',
  'slack',
  'token',
  'url',
  'wandb',
] as const;
export type SecretKind = (typeof secretKinds)[number];

/** Bytes [start, end) are to be masked. */
export interface Secret {
  start: number;
  end: number;
  kind: SecretKind;
  /**
   * It goes on to the end of the bytes that are there: with more of them it may become longer, or be none. `end` is `start` while it is
   * too little to be masked.
   */
  open: boolean;
}

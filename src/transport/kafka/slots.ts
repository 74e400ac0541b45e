/**
 * Whether another batch of the topic may be taken while so many are out, by topic. One slot is kept for each topic: however much of one
 * waits, the first batch of another is taken at once.
 */
export function hasSlot(
  topic: string,
  topics: readonly string[],
  out: readonly string[],
  outMax: number,
): boolean {
  const ofTopic = out.filter((each) => each === topic).length;
  return out.length < outMax && ofTopic <= outMax - topics.length;
}

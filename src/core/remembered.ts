/**
 * A function of names whose answers are remembered, boundedly: a log says the same few names again and again.
 */
const namesMax = 4096;

export function remembered<Answer>(answerTo: (name: string) => Answer): (name: string) => Answer {
  const known = new Map<string, Answer>();
  return (name) => {
    let answer = known.get(name);
    if (answer === undefined) {
      answer = answerTo(name);
      if (known.size >= namesMax) known.clear();
      known.set(copyOf(name), answer);
    }
    return answer;
  };
}

/** What is remembered of a text is to be its copy: a part of a text keeps all of it alive. */
export function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

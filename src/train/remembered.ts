/**
 * A function of names whose answers are remembered, boundedly: a log says the same few names again and again. A name that is remembered is
 * a copy, for a part of a line keeps all of the line alive.
 */
const namesMax = 4096;

export function remembered<Answer>(answerTo: (name: string) => Answer): (name: string) => Answer {
  const known = new Map<string, Answer>();
  return (name) => {
    let answer = known.get(name);
    if (answer === undefined) {
      answer = answerTo(name);
      if (known.size >= namesMax) known.clear();
      known.set(JSON.parse(JSON.stringify(name)) as string, answer);
    }
    return answer;
  };
}

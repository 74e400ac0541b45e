import type { ObservationBody, ObservationDetails } from '../../core/fact.ts';
import { exceptionKinds } from './exceptions.ts';
import { readExit } from './exits.ts';
import { hintsIn } from './hints.ts';
import { addDetails, detailsOf, shortened, signed } from './signed.ts';
import type { RaisedException, Traceback } from './tracebacks.ts';

/** The exception that was raised first; if another one of the chain says more, its class. */
export function raisedBody({ exceptions, where }: Pick<Traceback, 'exceptions' | 'where'>): ObservationBody {
  const bodies = exceptions.map(classified);
  const [first] = bodies;
  const last = bodies.at(-1);
  const special =
    bodies.find(({ class: name, role }) => role === 'root' && name !== 'python') ??
    bodies.find(({ role }) => role !== 'root') ??
    first;
  const said = first === last || special !== first ? [special] : [first, last];
  const message = said.map((body) => body?.message ?? '').join(', then ');
  const body: ObservationBody = {
    kind: 'observation',
    class: special?.class ?? 'python',
    role: special?.role ?? 'root',
    message: shortened(where === null ? message : `${message} (${where})`),
  };
  return addDetails(body, { ...special?.details });
}

function classified({ type, message }: RaisedException): ObservationBody {
  const text = `${type}: ${message}`;
  const body: ObservationBody = {
    kind: 'observation',
    class: 'python',
    role: 'root',
    message: shortened(message === '' ? type : text),
  };
  const details: ObservationDetails = { exception: type };
  const kind = exceptionKinds.find(({ pattern }) => pattern.test(text));
  const hints = hintsIn(text);
  const exit = kind?.class === 'worker-death' ? readExit(text, hints) : null;
  if (exit !== null && exit.role === 'root') return addDetails(exit, { ...details, ...exit.details });
  if (kind !== undefined) {
    body.class = kind.class;
    body.role = kind.role;
    return addDetails(body, { ...details, ...exit?.details });
  }
  // A program that raises an exception has been started.
  const found = signed(text, hints).find(
    ({ signature: { role, class: name } }) => role !== 'evidence' && name !== 'not-started',
  );
  if (found === undefined || found.signature.role === 'warning') return addDetails(body, details);
  body.class = found.signature.class;
  body.role = found.signature.role;
  return addDetails(body, { ...details, ...detailsOf(found.match) });
}

/**
 * The page: runs on the left, one metric and the log of the chosen run on the right. Everything is asked again about
 * every second while the page is visible, less often when answers are slow. What is chosen stands in the address.
 */
import { createChart } from './chart.js';
import { byId, el, setOptions } from './dom.js';
import { createLog, pageLines } from './log.js';
import { showIncidents } from './incidents.js';
import { showRuns } from './runs.js';

const pollMs = 1000;
const pollMsMax = 30_000;
const namesEvery = 5;
const incidentsEvery = 2;
const timeoutMs = 20_000;

const choice = readAddress();
const chart = createChart(byId('chart'), byId('legend'));
const log = createLog(byId('log'), {
  older: () => void showOlder(),
  onScrolledUp: () => follow(false),
  onScrolledDown: () => follow(true),
});
let runs = { now: 0, following: [], runs: [] };
const drawn = { data: null };

byId('query').value = choice.q;
byId('level').value = choice.level;
byId('metric-log').checked = choice.log;

const loops = {
  runs: poll(async () => {
    runs = await ask('api/runs');
    // The address may name a run that is not there yet: its other choices hold for the first one that is.
    if (choice.run === '' && runs.runs.length > 0)
      choose({ run: runs.runs[0].run }, 'names', 'incidents', 'points', 'log');
    showRuns(byId('runs'), runs, choice.run, chooseRun);
    const run = runs.runs.find((candidate) => candidate.run === choice.run);
    setOptions(byId('rank'), rankOptions(run), choice.rank);
    connection('live', `live · ${runs.runs.length === 1 ? '1 run' : `${runs.runs.length} runs`}`);
  }),
  names: poll(async () => {
    if (choice.run === '') return;
    const { names } = await ask(`api/runs/${encodeURIComponent(choice.run)}/names`);
    const options = names.map(({ name }) => ({ value: name, text: name }));
    if (choice.name === '' && names.length > 0) choice.name = names[0].name;
    if (choice.name !== '' && !names.some(({ name }) => name === choice.name)) {
      options.push({ value: choice.name, text: choice.name });
    }
    setOptions(byId('metric-name'), options, choice.name);
  }, namesEvery * pollMs),
  incidents: poll(async () => {
    if (choice.run === '') return;
    const answer = await ask(`api/runs/${encodeURIComponent(choice.run)}/incidents`);
    if (answer.run === choice.run)
      showIncidents(byId('incidents'), answer, (rank) => chooseLog({ rank: String(rank), q: '', level: '' }));
  }, incidentsEvery * pollMs),
  points: poll(async () => {
    if (choice.run === '') return chart.explain('Once a run writes metrics, they are drawn here.');
    const name = choice.name || 'loss';
    drawn.data = await ask(
      `api/runs/${encodeURIComponent(choice.run)}/points?${new URLSearchParams({ name })}`,
    );
    showChart();
  }),
  log: poll(async () => {
    if (!log.following) return;
    const answer = await search({});
    if (log.following) showLog(answer.hits);
  }),
};

byId('metric-name').addEventListener('change', (event) => choose({ name: event.target.value }, 'points'));
byId('metric-log').addEventListener('change', (event) => {
  choose({ log: event.target.checked });
  showChart();
});
byId('level').addEventListener('change', (event) => chooseLog({ level: event.target.value }));
byId('rank').addEventListener('change', (event) => chooseLog({ rank: event.target.value }));
byId('query').addEventListener(
  'input',
  debounce(() => chooseLog({ q: byId('query').value }), 250),
);
byId('follow').addEventListener('click', () => follow(!log.following));

function chooseRun(run) {
  choose({ run, rank: '', name: '' }, 'runs', 'names', 'incidents', 'points');
  drawn.data = null;
  chooseLog({});
}

function chooseLog(change) {
  choose(change);
  follow(true);
}

function choose(change, ...affected) {
  Object.assign(choice, change);
  const kept = Object.entries(choice).filter(([, value]) => value !== '' && value !== false);
  history.replaceState(null, '', `#${new URLSearchParams(kept.map(([key, value]) => [key, String(value)]))}`);
  for (const name of affected) loops[name].now();
}

function readAddress() {
  const params = new URLSearchParams(location.hash.slice(1));
  const text = (name) => params.get(name) ?? '';
  return {
    run: text('run'),
    name: text('name'),
    log: text('log') === 'true',
    q: text('q'),
    level: text('level'),
    rank: text('rank'),
  };
}

function follow(value) {
  if (value !== log.following) log.following = value;
  byId('follow').setAttribute('aria-pressed', String(value));
  byId('follow').textContent = value ? 'Following' : 'Paused';
  if (value) loops.log.now();
}

function showChart() {
  const { data } = drawn;
  if (data === null) return;
  const notes = [];
  if (data.withoutStep > 0) notes.push(`${data.withoutStep} points without a step are not shown`);
  if (data.seriesLeftOut > 0) notes.push(`${data.seriesLeftOut} more lines are not shown`);
  if (data.truncated) notes.push('only the first 200,000 points are shown');
  const strange = data.series.reduce(
    (sum, { points }) => sum + points.filter(([, value]) => typeof value !== 'number').length,
    0,
  );
  if (strange > 0) notes.push(`${strange} ${strange === 1 ? 'value is' : 'values are'} NaN or infinite (×)`);
  byId('metric-note').textContent = notes.join(' · ');
  if (data.series.length > 0) chart.show(data, choice.log);
  else {
    chart.explain(
      `No ${data.name} in this run yet. Points are read from JSONL and CSV files and from lines such as `,
      el('code', {}, 'step=10 loss=2.31'),
      '.',
    );
  }
}

function showLog(hits) {
  if (hits.length > 0) return log.showNewest(hits);
  if (choice.run === '') return log.explain('Once a run writes lines, they appear here.');
  const narrowed = choice.q !== '' || choice.level !== '' || choice.rank !== '';
  log.explain(
    narrowed
      ? 'No line of this run matches. Loosen the search, the level or the rank.'
      : 'This run has no lines yet.',
  );
}

async function showOlder() {
  follow(false);
  try {
    const answer = await search({ until: String(Math.floor(log.oldest ?? Date.now())) });
    log.addOlder(answer.hits);
  } catch (error) {
    connection('lost', error.message);
  }
}

async function search(more) {
  const params = new URLSearchParams({ limit: String(pageLines), ...more });
  for (const name of ['run', 'q', 'level', 'rank']) if (choice[name] !== '') params.set(name, choice[name]);
  try {
    const answer = await ask(`api/search?${params}`);
    byId('query-error').hidden = true;
    return answer;
  } catch (error) {
    if (error.status !== 400) throw error;
    byId('query-error').textContent = error.message;
    byId('query-error').hidden = false;
    return { hits: [] };
  }
}

function rankOptions(run) {
  return [
    { value: '', text: 'all ranks' },
    ...(run?.ranks ?? []).map((rank) => ({ value: String(rank), text: `rank ${rank}` })),
  ];
}

function connection(kind, text) {
  byId('connection').className = `connection ${kind}`;
  byId('connection').textContent = text;
}

async function ask(path) {
  const response = await fetch(path, {
    signal: AbortSignal.timeout(timeoutMs),
    headers: { Accept: 'application/json' },
  });
  const body = await response.json();
  if (response.ok) return body;
  const { message = `the answer was ${response.status}`, hint } = body.error ?? {};
  throw Object.assign(new Error(hint === undefined ? message : `${message} ${hint}`), {
    status: response.status,
  });
}

/**
 * Runs `work` again and again, one at a time: `everyMs` after the last time, or ten times as long as it took. `now()` runs
 * it at once, or again if it is under way. A hidden page asks nothing.
 */
function poll(work, everyMs = pollMs) {
  let timer = 0;
  let running = false;
  let again = false;
  const run = async () => {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    const began = performance.now();
    try {
      if (!document.hidden) await work();
    } catch (error) {
      const lost = error instanceof TypeError || error.name === 'TimeoutError';
      connection('lost', lost ? 'no answer: is caboose still running? Trying again …' : error.message);
    }
    running = false;
    const tookMs = performance.now() - began;
    timer = setTimeout(() => void run(), again ? 0 : Math.min(pollMsMax, Math.max(everyMs, 10 * tookMs)));
    again = false;
  };
  timer = setTimeout(() => void run(), 0);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void run();
  });
  return { now: () => void run() };
}

function debounce(work, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => work(), ms);
  };
}

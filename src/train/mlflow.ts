/**
 * MLflow's file store (mlflow/store/tracking/file_store.py): below a run's directory, which is named by 32 hexadecimal digits, the file
 * `metrics/NAME` has a line `timestamp value step` for each value, the time in ms since epoch; files of old versions have no step, which is 0
 * then. Parameters, tags and meta.yaml state no points.
 */
import { readNumber } from './numbers.ts';
import { point } from './reader.ts';
import type { OriginReader } from './reader.ts';

const runFile = /\/[0-9a-f]{32}\/(?:metrics\/(.{1,1024})|(?:params|tags)\/.+|meta\.yaml)$/;
const metricLine = /^(\d{1,16}) (\S{1,64})(?: (-?\d{1,16}))?(?: \S{1,256}){0,3}$/;
/** 2001 and 2286: what lies outside is no time in ms. */
const timeMin = 1e12;
const timeMax = 1e13;

export const mlflowReader: OriginReader = {
  format: 'MLflow',
  knows: ({ path }) => runFile.test(path),
  read({ event, line }) {
    const name = runFile.exec(event.origin.path)?.[1];
    const found = metricLine.exec(line.trimEnd());
    const value = readNumber(found?.[2] ?? '');
    if (name === undefined || value === null) return [];
    const time = Number(found?.[1]);
    const body = point(Number(found?.[3] ?? 0), name, value);
    return [time >= timeMin && time < timeMax ? { ...body, time } : body];
  },
};

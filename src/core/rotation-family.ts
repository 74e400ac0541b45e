/** What rotation puts behind a name: `.1`, `-20261123`, `-20261123-1795429032`, `.2026-11-23`, `.2026-11-23_10-24-06`. */
const suffix = /(?:\.\d{1,4}|[.-]\d{8}(?:-\d+)?|\.\d{4}-\d{2}-\d{2}(?:[_T-][\d-]+)?)(?:\.(?:gz|zst))?$/;

/**
 * The path without what rotation has put behind it: `train.log.3` and `train.log-20261123` are of the family `train.log`.
 * A name that merely looks so (`metrics.0`) is of a family, too; who links its members checks that the bare name exists.
 */
export function rotationFamily(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  const bare = name.replace(suffix, '');
  return bare === '' ? path : path.slice(0, slash) + bare;
}

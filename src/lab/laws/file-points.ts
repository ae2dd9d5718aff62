import { hashName } from '../../base/random.ts';
import {
  filterPoints,
  findColumn,
  pointsFromCsv,
  readPoints,
  type ForeignPoints,
  type Law,
  type Points,
} from '../../laws/index.ts';
import type { KeptFile } from './kept-laws.ts';
import type { LawPoints } from './run-points.ts';

/** A file of points, as it was read; its text is kept for laws that read it otherwise. */
export interface PointsFile {
  readonly name: string;
  readonly text: string;
  /** Its name and a hash of its text: points that are left out go by their lines, which are others in another text. */
  readonly id: string;
  readonly points: ForeignPoints;
}

/** @throws SpecError for text without points. */
export function pointsFile(name: string, text: string): PointsFile {
  return { name, text, id: `${name}-${hashName(text).toString(36)}`, points: pointsFromCsv(text, name) };
}

/** A file that was kept, as one that was imported; null where this build cannot read it. */
export function keptFile(file: KeptFile | null): PointsFile | null {
  try {
    return file && pointsFile(file.name, file.text);
  } catch {
    return null;
  }
}

/** What was read of a file, in a sentence. @param kept whether it is there at the next visit. */
export function readWords({ name, points: { runs, faults, ignored } }: PointsFile, kept: boolean): string {
  const parts = [
    `${name}: ${runs.length} ${runs.length === 1 ? 'point' : 'points'}`,
    ...(faults.length === 0 ? [] : [`${faults.length} ${faults.length === 1 ? 'row is' : 'rows are'} left out`]),
    ...(ignored.length === 0 ? [] : [`columns that hold no numbers: ${ignored.filter((column) => column !== '').join(', ')}`]),
    ...(kept ? [] : ['it is kept only until this page closes']),
  ];
  return `${parts.join('; ')}.`;
}

/**
 * Points of a file for a law: its rows that have all that the law reads, and how many have not. Laws of learning curves read its steps and
 * learning rates instead.
 *
 * @throws SpecError
 */
export function filePoints({ name, text, points }: PointsFile, law: Law): LawPoints {
  const along = law.columns.some((input) => input.name === 'S1');
  const [own, lacking] = along ? [readPoints(text, law, name), 0] : completeFor(law, points);
  const rows = Array.from({ length: lengthOf(own) }, (_, row) => {
    const label = own.rowNames?.[row] ?? `${own.runs?.[row] ?? 'row'} ${own.columns['step']?.[row] ?? row + 1}`;
    return { key: label, runId: null, label: label.replace(`${name} `, '') };
  });
  const words = `${lacking === 1 ? '1 row has' : `${lacking} rows have`} not all that this law reads (${namesOf(law).join(', ')})`;
  return {
    points: own,
    rows,
    notes: [...points.faults, ...(lacking === 0 ? [] : [`${words}, and ${lacking === 1 ? 'is' : 'are'} left out.`])],
  };
}

/** The rows without an empty cell in what the law reads, and how many others there are. A column that is not there at all is told by the fit. */
function completeFor(law: Law, points: Points): readonly [Points, number] {
  const needed = namesOf(law).flatMap((column) => findColumn(points, column) ?? []);
  const complete = filterPoints(points, (row) => !needed.some((values) => Number.isNaN(values[row])));
  const lacking = lengthOf(points) - lengthOf(complete);
  return lacking === 0 ? [points, 0] : [complete, lacking];
}

function namesOf(law: Law): readonly string[] {
  return [...new Set([...law.columns.map(({ name }) => name), law.target])];
}

function lengthOf({ columns }: Points): number {
  return Object.values(columns)[0]?.length ?? 0;
}

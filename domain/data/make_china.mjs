// Makes china.bin, the outline of mainland China that domain/src/china.rs reads.
//
//   node domain/data/make_china.mjs
//
// Needs Node 18 or later with npm. README.md says what goes in and what comes out.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCE = "world-atlas@2.0.2"; // Natural Earth 4.1
const CHINA = "156"; // ISO 3166-1; Hong Kong, Macao and Taiwan have their own
const COAST_M = 30_000; // how far out a point in the sea still belongs to a country
const EARTH_RADIUS_M = 6_371_008.8; // as in domain/src/geo.rs
const METRES_PER_DEGREE = (EARTH_RADIUS_M * Math.PI) / 180;
const CELL = [16, 32]; // lattice steps, about 6 km either way
const MARGIN = 0.8; // degrees around China, so that every neighbour kept is inside

const COAST = 0; // China meets the sea
const BORDER = 1; // China meets a neighbour
const FOREIGN = 2; // a neighbour, where it may be nearer than China
const [OUT, IN, EDGE] = [0, 1, 2];

// The lattice of the source: all points are whole steps, and they stay so.

const topology = download();
const [stepLng, stepLat] = topology.transform.scale;
const [originLng, originLat] = topology.transform.translate;
const arcs = topology.arcs.map((deltas) => {
  let [x, y] = [0, 0];
  return deltas.map(([dx, dy]) => [(x += dx), (y += dy)]);
});

const owners = arcs.map(() => new Set());
for (const country of topology.objects.countries.geometries) {
  for (const arc of (country.arcs ?? []).flat(Infinity)) {
    owners[arc < 0 ? ~arc : arc].add(country.id ?? country.properties.name);
  }
}

// Window: China and a margin, with the origin at its south-west corner.

const isChinas = (arc) => owners[arc].has(CHINA);
const chinas = arcs.filter((_, i) => isChinas(i)).flat();
const bounds = (axis, step) => {
  const all = chinas.map((point) => point[axis]);
  const margin = Math.ceil(MARGIN / step);
  return [Math.min(...all) - margin, Math.max(...all) + margin];
};
const [west, east] = bounds(0, stepLng);
const [south, north] = bounds(1, stepLat);
const cols = Math.ceil((east - west + 1) / CELL[0]);
const rows = Math.ceil((north - south + 1) / CELL[1]);
const local = ([x, y]) => [x - west, y - south];
const lngOf = (x) => originLng + (x + west) * stepLng;
const latOf = (y) => originLat + (y + south) * stepLat;

// Lines. Neighbours matter only where they may be nearer to a point in the sea than China's coast.

const lines = [];
arcs.forEach((arc, i) => {
  if (isChinas(i)) {
    lines.push({ kind: owners[i].size === 1 ? COAST : BORDER, points: arc.map(local) });
  }
});
const coast = index(lines.filter((line) => line.kind === COAST));
arcs.forEach((arc, i) => {
  if (isChinas(i) || owners[i].size === 0) return;
  let run = [];
  const flush = () => {
    if (run.length > 1) lines.push({ kind: FOREIGN, points: run });
    run = [];
  };
  arc.map(local).forEach((point, n, points) => {
    if (n === 0) return;
    const middle = [(point[0] + points[n - 1][0]) / 2, (point[1] + points[n - 1][1]) / 2];
    const reach = 2.1 * COAST_M + distance(middle, point);
    const near = inWindow(points[n - 1]) && inWindow(point) && nearest(coast, middle, reach) <= reach;
    if (near) {
      if (run.length === 0) run.push(points[n - 1]);
      run.push(point);
    } else {
      flush();
    }
  });
  flush();
});

// Cells. One is IN or OUT only if every point of it must be: distances change by no more than the
// radius of the cell between its centre and any of its points, and land changes only at a line.

const border = index(lines.filter((line) => line.kind === BORDER));
const other = index(lines.filter((line) => line.kind !== COAST));
const outline = index(lines.filter((line) => line.kind !== FOREIGN));
const cells = [];
for (let row = 0; row < rows; row++) {
  for (let col = 0; col < cols; col++) cells.push(cellAt(col, row));
}

function cellAt(col, row) {
  const centre = [(col + 0.5) * CELL[0], (row + 0.5) * CELL[1]];
  // Measured on the flank towards the equator, with a reserve for the flat-earth arithmetic.
  const flank = [centre[0], row * CELL[1]];
  const radius = 1.02 * distance(flank, [col * CELL[0], (row + 1) * CELL[1]]) + 100;
  const reach = COAST_M + 4 * radius;
  if (nearest(border, centre, reach) <= radius) return EDGE;
  const [toCoast, toOther] = [nearest(coast, centre, reach), nearest(other, centre, reach)];
  if (inside(centre)) {
    return toOther > 2 * radius ? IN : EDGE;
  }
  if (toCoast + radius <= COAST_M && toCoast + radius < toOther - radius) return IN;
  const outOfReach = toCoast - radius > COAST_M || toCoast - radius > toOther + radius;
  return outOfReach && toCoast > radius ? OUT : EDGE;
}

// Output.

const bytes = [];
const varint = (value) => {
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
};
const zigzag = (value) => varint(value < 0 ? -2 * value - 1 : 2 * value);
const float = (value) => bytes.push(...new Uint8Array(new Float64Array([value]).buffer));

[lngOf(0), latOf(0), stepLng, stepLat].forEach(float);
[...CELL, cols, rows].forEach(varint);
for (let from = 0, to = 0; from < cells.length; from = to) {
  while (to < cells.length && cells[to] === cells[from]) to++;
  varint((to - from) * 4 + cells[from]);
}
varint(lines.length);
for (const { kind, points } of lines) {
  varint(kind);
  varint(points.length);
  points.forEach(([x, y], n) => {
    const [fromX, fromY] = n === 0 ? [0, 0] : points[n - 1];
    zigzag(x - fromX);
    zigzag(y - fromY);
  });
}
writeFileSync(new URL("china.bin", import.meta.url), Uint8Array.from(bytes));
const share = (kind) => ((100 * cells.filter((cell) => cell === kind).length) / cells.length).toFixed(2);
console.log(
  `${bytes.length} bytes; ${cols} x ${rows} cells: ${share(IN)} % in, ${share(OUT)} % out, ` +
    `${share(EDGE)} % edge; ${lines.length} lines, ${lines.flatMap((line) => line.points).length} points`,
);

function download() {
  const folder = mkdtempSync(join(tmpdir(), "china-"));
  try {
    execFileSync("npm", ["install", "--no-save", "--prefix", folder, SOURCE], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    return JSON.parse(readFileSync(join(folder, "node_modules/world-atlas/countries-10m.json"), "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function inWindow([x, y]) {
  return x >= 0 && y >= 0 && x <= east - west && y <= north - south;
}

// The segments of the lines by row of cells; the same index as in china.rs.
function index(lines) {
  const byRow = Array.from({ length: rows }, () => []);
  for (const { points } of lines) {
    for (let n = 1; n < points.length; n++) {
      const [a, b] = [points[n - 1], points[n]];
      const first = Math.floor(Math.min(a[1], b[1]) / CELL[1]);
      const last = Math.floor(Math.max(a[1], b[1]) / CELL[1]);
      for (let row = first; row <= last; row++) byRow[row].push([a, b]);
    }
  }
  return byRow;
}

// Even-odd: how many of China's lines lie east of the point?
function inside([x, y]) {
  const crossed = outline[Math.floor(y / CELL[1])].filter(([a, b]) => {
    if (a[1] > y === b[1] > y) return false;
    return x < a[0] + ((y - a[1]) / (b[1] - a[1])) * (b[0] - a[0]);
  });
  return crossed.length % 2 === 1;
}

// Metres to the nearest segment, or Infinity beyond `reach` metres.
function nearest(byRow, point, reach) {
  const around = Math.ceil(reach / METRES_PER_DEGREE / stepLat / CELL[1]);
  const row = Math.floor(point[1] / CELL[1]);
  const wide = reach / metresPerStep(point[1])[0];
  let best = Infinity;
  for (let r = Math.max(0, row - around); r <= Math.min(rows - 1, row + around); r++) {
    for (const [a, b] of byRow[r]) {
      if (Math.min(a[0], b[0]) > point[0] + wide || Math.max(a[0], b[0]) < point[0] - wide) continue;
      best = Math.min(best, distance(point, a, b));
    }
  }
  return best <= reach ? best : Infinity;
}

// Metres from `point` to the segment `a`-`b`, on a plane that touches the globe at `point`.
function distance(point, a, b = a) {
  const [scaleX, scaleY] = metresPerStep(point[1]);
  const [ax, ay] = [(a[0] - point[0]) * scaleX, (a[1] - point[1]) * scaleY];
  const [dx, dy] = [(b[0] - a[0]) * scaleX, (b[1] - a[1]) * scaleY];
  const along = dx || dy ? Math.min(1, Math.max(0, -(ax * dx + ay * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(ax + along * dx, ay + along * dy);
}

function metresPerStep(y) {
  const wide = Math.cos((latOf(y) * Math.PI) / 180);
  return [METRES_PER_DEGREE * stepLng * wide, METRES_PER_DEGREE * stepLat];
}

// Charts on uPlot in place of the drawings; where this does not run, the drawings stay.
const COLOURS = ['--accent', '--good', '--idle', '--ink'];
const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
const NEAR = 6; // pixels within which a mark belongs to the cursor
const charts = new Map();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const written = (chart, value) => {
  if (value === null || value === undefined) return '–';
  const style = chart.isShare ? 'percent' : 'decimal';
  const digits = { minimumFractionDigits: chart.digits, maximumFractionDigits: chart.digits };
  return new Intl.NumberFormat('en', { style, ...digits }).format(value);
};

const moment = (seconds, step) => {
  const isDay = step >= 86400 || seconds % 86400 === 0;
  const format = isDay ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' };
  return new Intl.DateTimeFormat('en-GB', { ...format, timeZone: 'UTC' }).format(1000 * seconds);
};

function ticks(chart, splits, step) {
  if (chart.isTime) return splits.map((one) => moment(one, step));
  if (chart.isEven) return splits.map((one) => chart.heads[one] ?? '');
  return splits.map((one) => one + chart.unit);
}

function drawMarks(plot, chart) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const mark of chart.marks) {
    const x = plot.valToPos(mark.x, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = colour({ good: '--good', bad: '--warn' }[mark.kind] ?? '--soft');
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, bbox.top, 4 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

function say(plot, chart, readout) {
  const { idx, left } = plot.cursor;
  const near = chart.marks.filter((one) => Math.abs(plot.valToPos(one.x, 'x') - left) <= NEAR);
  const values = idx == null ? [] : chart.lines.map((one) => `${one.label} ${written(chart, one.values[idx])}`);
  const words = near.length ? near.map((one) => one.text) : values;
  readout.textContent = idx == null ? '' : `${chart.heads[idx]}: ${words.join(' · ')}`;
}

function options(chart, box, readout) {
  const axis = { stroke: colour('--soft'), font: `12px ${colour('--text')}`, ticks: { show: false } };
  const grid = { stroke: colour('--line'), width: 1 };
  return {
    ...size(box),
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      // What happened after the last value belongs to the chart, too.
      x: { time: chart.isTime, range: (_, low, high) => [low, Math.max(high, ...chart.marks.map((one) => one.x))] },
      y: { range: (_, low, high) => [0, chart.top ?? (high > 0 ? 1.05 * high : 1)] },
    },
    tzDate: (seconds) => uPlot.tzDate(new Date(1000 * seconds), 'Etc/UTC'),
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 30,
        ...(chart.isEven ? { incrs: [1, 2, 5, 10, 20, 50] } : {}),
        values: (_, splits, _axis, _space, step) => ticks(chart, splits, step),
      },
      { ...axis, grid, size: 64, values: (_, splits) => splits.map((one) => written({ ...chart, digits: chart.isShare ? 0 : undefined }, one)) },
    ],
    series: [
      {},
      ...chart.lines.map((one, number) => ({
        label: one.label,
        stroke: colour(COLOURS[number % COLOURS.length]),
        dash: DASHES[number % DASHES.length],
        width: 2,
        ...(chart.isStepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      })),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, chart)],
      setCursor: [(plot) => say(plot, chart, readout)],
    },
  };
}

const size = (box) => ({ width: box.clientWidth, height: box.clientWidth < 480 ? 200 : 280 });

function draw(figure) {
  const chart = JSON.parse(figure.dataset.chart);
  const drawing = figure.querySelector('svg[role]');
  let box = figure.querySelector('.plot');
  if (!box) {
    box = document.createElement('div');
    box.className = 'plot';
    box.setAttribute('role', 'img');
    box.setAttribute('aria-label', drawing.getAttribute('aria-label'));
    const readout = document.createElement('p');
    readout.className = 'readout';
    readout.ariaHidden = 'true'; // the table says the same
    drawing.replaceWith(box, readout);
    new ResizeObserver(() => charts.get(figure)?.setSize(size(box))).observe(box);
  }
  charts.get(figure)?.destroy();
  const lines = [chart.x, ...chart.lines.map((one) => one.values)];
  charts.set(figure, new uPlot(options(chart, box, figure.querySelector('.readout')), lines, box));
}

function drawAll() {
  for (const figure of charts.keys()) if (!figure.isConnected) charts.delete(figure);
  document.querySelectorAll('figure[data-chart]').forEach(draw);
}

drawAll();
document.addEventListener('refreshed', drawAll);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);

'use strict';
// Draws the page from the data in it. Stories are untrusted text: everything goes through
// textContent, nothing is ever parsed as HTML.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const show = (id) => { byId(id).hidden = false; };
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const child of children) if (child !== null) made.append(child);
  return made;
}

function number(value, digits = 3) {
  if (value === null || value === undefined) return '–';
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : digits);
}

function duration(seconds) {
  if (seconds < 1) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

function fillTable(table, head, rows) {
  const line = (cells, kind) => element('tr', '', ...cells.map((cell) =>
    cell instanceof Node ? cell : element(kind, '', String(cell))));
  table.append(element('thead', '', line(head, 'th')),
               element('tbody', '', ...rows.map((row) => line(row, 'td'))));
}

function drawHeader() {
  document.title = byId('title').textContent = `polaris: ${data.run}`;
  const facts = [`${data.steps.length ? data.steps[data.steps.length - 1] : 0} steps`];
  const summary = data.summary || {};
  if (summary.judge) facts.push(`judge: ${summary.judge}` +
    (summary.judge === 'lexical' ? ' (text statistics, not a language model)' : ''));
  if (summary.seconds && summary.seconds.step) facts.push(duration(summary.seconds.step));
  if (summary.cost_usd) facts.push(`$${summary.cost_usd.toFixed(2)}`);
  facts.push(`written ${data.written}`);
  byId('facts').textContent = facts.join(' · ');
  for (const note of data.notes) byId('notes').append(element('li', '', note));
}

// A difference counts as clear if its 95 % interval leaves 0 out.
function comparisonRow(measure) {
  const row = data.summary[measure.name];
  const interval = row.difference_interval;
  const clear = interval && (interval[0] > 0 || interval[1] < 0);
  const improved = measure.better === 'higher' ? row.difference > 0 : row.difference < 0;
  const kind = clear && measure.better !== 'neither' ? (improved ? 'good' : 'bad') : '';
  const sign = row.difference > 0 ? '+' : '';
  return [measure.label, number(row.before), number(row.after),
          element('td', kind, sign + number(row.difference)),
          interval ? `[${number(interval[0])}, ${number(interval[1])}]` : '–', row.prompts];
}

function drawComparison() {
  const head = ['', 'before', 'after', 'change', '95 % interval', 'prompts'];
  const measured = data.measures.filter((m) => data.summary && data.summary[m.name]);
  if (!measured.length) return;
  const { before_step: before, after_step: after } = data.summary.validation;
  byId('result-hint').textContent =
    `Held-out prompts, validation of step ${before} against step ${after}; 95 % intervals of the ` +
    'difference, paired by prompt. Coloured where the interval leaves 0 out: green is better.';
  fillTable(byId('comparison'), head, measured.filter((m) => !m.is_dimension).map(comparisonRow));
  const dimensions = measured.filter((m) => m.is_dimension);
  byId('dimensions').hidden = !dimensions.length;
  fillTable(byId('dimension-table'), head, dimensions.map(comparisonRow));
  show('result');
}

const partNames = {
  story_quality: 'quality', self_rep: 'repetition', length_pen: 'length', blank_pen: 'blank',
  overlong: 'overlong', thinking_cap: 'thinking',
};

function storyCard(title, story) {
  const figures = [story.reward === null ? `no reward (${story.failure})` : `reward ${number(story.reward)}`];
  if (story.target_word_count) figures.push(`${story.words} of ${story.target_word_count} words`);
  else figures.push(`${story.words} words`);
  if (story.advantage !== null && story.advantage !== undefined)
    figures.push(`advantage ${number(story.advantage, 2)}`);
  for (const [key, name] of Object.entries(partNames))
    if (story.parts[key]) figures.push(`${name} ${number(story.parts[key], 2)}`);
  if (story.stop === 'length') figures.push('cut by the token limit');
  if (story.cut) figures.push('shortened on this page');
  const plan = story.thinking
    ? element('details', 'plan', element('summary', '', 'plan'), element('p', 'text', story.thinking))
    : null;
  return element('article', title === 'reference' ? 'reference' : '', element('h4', '', title),
                 element('p', 'figures', figures.join(' · ')), plan,
                 element('p', 'text', story.story || '(no story)'));
}

function drawPair() {
  const pair = data.before_after;
  if (!pair) return;
  byId('pair-hint').textContent = pair.prompt;
  byId('pair-stories').append(storyCard(`before (step ${pair.before_step})`, pair.before),
                              storyCard(`after (step ${pair.after_step})`, pair.after));
  show('pair');
}

function drawRollouts() {
  for (const group of data.groups) {
    const hasReference = group.stories.some((story) => story.title === 'reference');
    const box = element('details', '', element('summary', '', `Step ${group.step}, prompt ${group.id}` +
        (hasReference ? '' : ' (no reference in this step)')),
      element('div', 'stories', ...group.stories.map((story) => storyCard(story.title, story))));
    box.open = group === data.groups[0];
    byId('groups').append(box);
  }
  if (data.groups.length) show('rollouts');
}

const parts = (prefix) => Object.entries(partNames).map(([key, name]) => [`${prefix}/${key}_mean`, name]);
const phaseNames = Object.keys(data.series).filter((n) => n.startsWith('timing_s/') && n !== 'timing_s/step');
const figures = [
  ['Reward', 'mean per step', [['hri/policy_reward_mean', 'policy'], ['hri/gt_reward_mean', 'reference'],
    ['val-core/all/reward/mean@1', 'validation']]],
  ['Length', 'words / requested', [['reward/length_ratio_mean', 'policy'],
    ['val-aux/all/length_ratio/mean@1', 'validation']]],
  ['Response length', 'tokens', [['hri_split/policy_response_length/mean', 'policy'],
    ['hri_split/gt_response_length/mean', 'reference'], ['val-aux/all/response_length/mean@1', 'validation']]],
  ['Gap to the reference', 'reference minus policy', [['hri/gt_minus_policy_mean', 'mean'],
    ['hri/gt_minus_policy_best', 'best'], ['hri/gt_minus_policy_worst', 'worst']]],
  ['Reference weight', 'HRI', [['hri/weight', 'weight']]],
  ['Parts of the reward', 'policy, before weighting', parts('reward_comp_policy')],
  ['Cut or never out of thinking', 'share', [['reward/truncated_frac', 'cut'],
    ['reward/unclosed_think_frac', 'thinking open']]],
  ['Loss', '', [['actor/pg_loss', 'loss'], ['sft/loss', 'loss'], ['sft/holdout_loss', 'held out']]],
  ['Gradient norm', 'before clipping', [['actor/grad_norm', 'norm']]],
  ['Entropy', 'nats', [['actor/entropy', 'entropy']]],
  ['Sampler against trainer', 'mean |log-prob gap|, nats', [['mismatch/logprob_abs_mean', 'plain'],
    ['mismatch/filtered_abs_mean', 'after filters']]],
  ['Time per step', 'seconds', phaseNames.map((name) => [name, name.slice(9)]), 'stacked'],
];

function drawChart([title, unit, lines, stacked]) {
  const present = lines.filter(([name]) => data.series[name] && data.series[name].some((v) => v !== null));
  if (!present.length) return null;
  const canvas = element('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${title}: ${present.map(([, label]) => label).join(', ')}`);
  byId('charts').append(element('figure', '',
    element('figcaption', '', title, element('span', '', unit ? ` · ${unit}` : '')),
    element('div', 'canvas', canvas)));
  const axis = { grid: { color: css('--line') }, ticks: { color: css('--soft'), maxRotation: 0, maxTicksLimit: 8 } };
  const y = { ...axis, stacked: !!stacked, beginAtZero: unit === 'share' || !!stacked,
    suggestedMax: unit === 'share' ? 0.1 : undefined,
    ticks: { ...axis.ticks, callback: (value) => Number(value.toPrecision(4)).toString() } };
  const datasets = present.map(([name, label], i) => {
    const sparse = data.series[name].filter((v) => v !== null).length <= 20;
    const color = css(`--c${i % 6}`);
    return {
      label, data: data.series[name], borderColor: color, backgroundColor: stacked ? color : 'transparent',
      pointBackgroundColor: color, pointRadius: !stacked && sparse ? 3 : 0, borderWidth: stacked ? 0 : 2,
      borderDash: name.startsWith('val') ? [5, 3] : [], spanGaps: true, tension: 0,
    };
  });
  return new Chart(canvas, {
    type: stacked ? 'bar' : 'line',
    data: { labels: data.steps, datasets },
    options: {
      animation: false, maintainAspectRatio: false, interaction: { mode: 'index', intersect: false },
      scales: { x: { ...axis, stacked: !!stacked }, y },
      plugins: { legend: { display: present.length > 1, labels: { color: css('--ink'), boxWidth: 14, boxHeight: 2 } } },
    },
  });
}

let charts = [];
function drawCharts() {
  for (const chart of charts) chart.destroy();
  byId('charts').replaceChildren();
  charts = figures.map(drawChart).filter((chart) => chart !== null);
  if (charts.length) show('curves');
}

function drawPhases() {
  const whole = data.totals['timing_s/step'];
  if (!whole) return;
  const rows = Object.entries(data.totals).filter(([name]) => phaseNames.includes(name))
    .map(([name, seconds]) => [name.slice(9), seconds]).sort((a, b) => b[1] - a[1]);
  rows.push(['everything else', Math.max(0, whole - rows.reduce((sum, row) => sum + row[1], 0))]);
  fillTable(byId('phases'), ['phase', 'time', 'share'], rows.map(([name, seconds]) =>
    [name, duration(seconds), `${(100 * seconds / whole).toFixed(1)} %`]));
  show('time');
}

drawHeader();
drawComparison();
drawPair();
drawCharts();
drawPhases();
drawRollouts();
if (data.config) { byId('config').textContent = data.config; show('configuration'); }
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawCharts);

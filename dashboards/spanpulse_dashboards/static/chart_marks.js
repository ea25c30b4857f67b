/** What is drawn beside the series: events as vertical lines, errors as a rug of red columns at the bottom. */

const RUG = 18;

/** Draw events: {at: epoch seconds, text}. Their texts are in the tooltip. */
export function drawMarks(plot, marks, colours) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colours.accent;
  ctx.fillStyle = colours.accent;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at } of marks) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - 4 * devicePixelRatio, bbox.top);
    ctx.lineTo(x + 4 * devicePixelRatio, bbox.top);
    ctx.lineTo(x, bbox.top + 5 * devicePixelRatio);
    ctx.fill();
  }
  ctx.restore();
}

/** Draw errors per bucket, the highest RUG pixels high. */
export function drawErrors(plot, errors, colours) {
  const most = Math.max(0, ...(errors ?? []).map((value) => value ?? 0));
  if (!most) return;
  const { ctx, bbox } = plot;
  const [first, second] = plot.data[0];
  const step = second === undefined ? bbox.width : plot.valToPos(second, "x", true) - plot.valToPos(first, "x", true);
  const width = Math.max(2, Math.min(step * 0.7, 8 * devicePixelRatio));
  ctx.save();
  ctx.fillStyle = colours.bad;
  errors.forEach((value, at) => {
    if (!value) return;
    const height = Math.max(2, (value / most) * RUG) * devicePixelRatio;
    ctx.fillRect(plot.valToPos(plot.data[0][at], "x", true) - width / 2, bbox.top + bbox.height - height, width, height);
  });
  ctx.restore();
}

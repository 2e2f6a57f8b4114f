// The one frame that pictures, plots and films show; whoever moves it tells the others.

export class Timeline extends EventTarget {
  constructor(pts) {
    super();
    this.pts = pts;
    this.frame = 0;
  }

  get length() {
    return this.pts.length;
  }

  get time() {
    return this.pts[this.frame] ?? 0;
  }

  /** Go to a frame; `by` is who asks, so that it can leave itself alone. */
  go(frame, by = null) {
    const wanted = Math.min(Math.max(Math.round(frame), 0), this.length - 1);
    if (wanted === this.frame || Number.isNaN(wanted)) return;
    this.frame = wanted;
    this.dispatchEvent(new CustomEvent("frame", { detail: by }));
  }

  /** The frame that is shown at a time: the last one that has begun. */
  at(time) {
    let [low, high] = [0, this.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.pts[middle] <= time + 1e-4) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** How long a frame is shown, in seconds. */
  lasts(frame) {
    const next = this.pts[frame + 1] ?? this.pts[frame] + (this.pts[frame] - this.pts[frame - 1] || 0.04);
    return Math.max(next - this.pts[frame], 0.001);
  }
}

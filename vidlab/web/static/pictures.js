// Pictures of frames, loaded ahead and kept: a picture appears whole or not at all.

const KEPT = 300; // pictures; those seen longest ago go first
const AHEAD = 4; // frames
const RETRIES = 6; // fifteen seconds together: as long as "too many requests" lasts at most
const RETRY_MS = 700;

export class Pictures {
  constructor(address) {
    this.address = address; // (type, frame) → address
    this.kept = new Map();
    this.gone = false;
  }

  /** Ask for nothing more. */
  leave() {
    this.gone = true;
    this.kept.clear();
  }

  /** The picture of a frame once it is loaded; the promise is the same for everybody who asks. */
  load(type, frame) {
    const key = `${type}/${frame}`;
    const found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
      this.kept.set(key, found);
      return found;
    }
    const loading = this.#fetch(type, frame);
    loading.catch(() => this.kept.delete(key));
    this.kept.set(key, loading);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
    return loading;
  }

  /** Load what comes next in a direction, one frame after the other, while `wanted` says so. */
  async ahead(types, frame, { direction, length, wanted }) {
    for (let step = 1; step <= AHEAD; step += 1) {
      const next = frame + step * direction;
      if (next < 0 || next >= length || this.gone || !wanted()) return;
      await Promise.all(types.map((type) => this.load(type, next).catch(() => null)));
    }
  }

  async #fetch(type, frame) {
    for (let tries = 1; ; tries += 1) {
      const image = new Image();
      image.src = this.address(type, frame);
      try {
        await image.decode();
        return image;
      } catch (error) {
        if (tries >= RETRIES || this.gone) throw error;
        await new Promise((done) => setTimeout(done, RETRY_MS * tries)); // the address cannot tell why it failed
      }
    }
  }
}

// Scrolling through more than a browser can lay out. An element may be some
// 17 million pixels high (the least of all engines); ten million lines are ten
// times that. So the scrolled element is at most `TALLEST` high, and what is
// seen is found so: a small step of the scroll bar moves by just that much, a
// big one (the thumb was dragged, the track clicked) goes to the same share of
// the whole. When scrolling rests, the thumb is put where it belongs.

export const TALLEST = 8_000_000;

export class Scale {
  #total = 0;
  #view = 0;
  /** What lies above the view, of the whole height. */
  top = 0;
  /** Where the scroll bar stands. */
  bar = 0;

  get scaled(): boolean {
    return this.#total > TALLEST;
  }

  /** Height of the scrolled element. */
  get tall(): number {
    return Math.min(this.#total, TALLEST);
  }

  get #most(): number {
    return Math.max(0, this.#total - this.#view);
  }

  get #barMost(): number {
    return Math.max(0, this.tall - this.#view);
  }

  /** Where something stands in the scrolled element. */
  place(offset: number): number {
    return offset - this.top + this.bar;
  }

  measure(total: number, view: number): void {
    this.#total = total;
    this.#view = view;
    if (this.top > this.#most) this.go(this.#most);
  }

  /** The scroll bar moved. */
  moved(bar: number): void {
    const step = bar - this.bar;
    this.bar = bar;
    if (!this.scaled) this.top = bar;
    else if (Math.abs(step) > 4 * this.#view) this.top = this.#share(bar);
    else this.top = clamp(this.top + step, this.#most);
  }

  /** Goes to a place; the bar is then to be put where `bar` says. */
  go(top: number): void {
    this.top = clamp(top, this.#most);
    this.bar = this.rest();
  }

  /** Where the bar belongs. */
  rest(): number {
    if (!this.scaled) return this.top;
    return Math.round((this.top / Math.max(1, this.#most)) * this.#barMost);
  }

  /** The bar stands so near an end that the next steps would not be seen. */
  get cramped(): boolean {
    if (!this.scaled) return false;
    const above = this.bar < 2 * this.#view && this.top > this.bar;
    const left = this.#barMost - this.bar;
    return above || (left < 2 * this.#view && this.#most - this.top > left);
  }

  #share(bar: number): number {
    return clamp((bar / Math.max(1, this.#barMost)) * this.#most, this.#most);
  }
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(0, value), most);
}

import { describe, expect, it } from "vitest";
import { Scale, TALLEST } from "./scale";

function scaleOf(total: number, view = 800): Scale {
  const scale = new Scale();
  scale.measure(total, view);
  return scale;
}

describe("the scale of a scroll bar", () => {
  it("is one to one for what a browser can lay out", () => {
    const scale = scaleOf(50_000);
    scale.moved(49_200);
    expect([scale.top, scale.tall, scale.place(49_300)]).toEqual([49_200, 50_000, 49_300]);
  });

  it("moves by the same number of pixels for small steps in ten million lines", () => {
    const scale = scaleOf(180_000_000);
    scale.go(90_000_000);
    scale.moved(scale.bar + 120);
    scale.moved(scale.bar - 20);
    expect(scale.top).toBe(90_000_100);
    expect(scale.place(90_000_150)).toBe(scale.bar + 50);
  });

  it("goes to the same share of the whole when the thumb is dragged", () => {
    const scale = scaleOf(180_000_000);
    scale.moved((TALLEST - 800) / 2);
    expect(scale.top).toBeCloseTo((180_000_000 - 800) / 2, 0);
    scale.moved(TALLEST - 800);
    expect(scale.top).toBe(180_000_000 - 800);
    scale.moved(0);
    expect(scale.top).toBe(0);
  });

  it("reaches both ends by small steps, if the bar is put right when cramped", () => {
    const scale = scaleOf(180_000_000);
    scale.go(5000);
    for (let step = 0; step < 100 && scale.top > 0; step += 1) {
      if (scale.cramped) scale.bar = scale.rest();
      scale.moved(Math.max(0, scale.bar - 100));
      if (scale.bar === 0 && scale.top > 0) scale.go(scale.top - 100);
    }
    expect(scale.top).toBe(0);
  });

  it("stays at the end when the whole shrinks", () => {
    const scale = scaleOf(10_000);
    scale.moved(9200);
    scale.measure(2000, 800);
    expect([scale.top, scale.bar]).toEqual([1200, 1200]);
  });
});

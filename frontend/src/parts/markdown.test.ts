// @vitest-environment jsdom
import { expect, it } from "vitest";
import { toHtml } from "./markdown";

it("turns a picture from elsewhere into a link", () => {
  const html = toHtml("![diagram](https://example.org/a.png)");
  expect(html).not.toContain("<img");
  expect(html).toContain('<a href="https://example.org/a.png">diagram</a>');
});

it("shows HTML as it was written instead of obeying it", () => {
  const html = toHtml('<script>alert(1)</script> <img src=x onerror="alert(1)"> **bold**');
  expect(html).not.toMatch(/<script|<img/);
  expect(html).toContain("<strong>bold</strong>");
});

it.each(["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x"])(
  "drops a link to %s",
  (url) => {
    expect(toHtml(`[x](${url})`)).not.toContain("href=");
  },
);

it("puts tables into a box that scrolls", () => {
  expect(toHtml("| a | b |\n| - | - |\n| 1 | 2 |")).toMatch(/<div class="wide"><table>.*<\/table><\/div>/s);
});
